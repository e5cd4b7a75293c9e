// The form answers as one types: the server renders the answer, this puts it into the page. Without it the form still works.
import { watchFile } from "./file.js";

const PAUSE = 300;
const form = document.querySelector("#form");
const byId = (id) => document.getElementById(id);
let underWay = new AbortController();
let timer = 0;

const blank = (number) => !(byId(`title${number}`).value.trim() || byId(`text${number}`).value.trim());

/** Ask for the answer to what stands in the form, and show it; a later question cancels an earlier one. */
async function ask(whileTyping) {
  underWay.abort();
  const mine = (underWay = new AbortController());
  const fields = new URLSearchParams(new FormData(form));
  if (whileTyping && blank(2)) fields.delete("second");
  if (whileTyping && blank(1)) return clear();
  busy(true);
  try {
    const response = await fetch(form.action, { method: "POST", body: fields, signal: mine.signal });
    take(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch (error) {
    if (error.name !== "AbortError") tellFault("The service does not answer. Is it running?");
  }
  if (mine === underWay) busy(false);
}

/** Put the answer and the faults of another rendering of this page into it. What is chosen stays chosen. */
function take(other) {
  const answer = other.querySelector("#answer");
  if (!answer) return tellFault("The service gave an answer that is no page.");
  const chosen = [1, 2].map((number) => document.querySelector(`input[name="why${number}"]:checked`)?.value);
  byId("answer").hidden = answer.hidden;
  byId("answer").querySelector(".answers").replaceWith(answer.querySelector(".answers"));
  byId("faults").replaceChildren(...other.querySelector("#faults").childNodes);
  chosen.forEach((label, index) => choose(index + 1, label));
  byId("said").textContent = [...document.querySelectorAll(".verdict")].map((verdict) => verdict.innerText.replace(/\n+/g, ", ")).join("; ");
}

function choose(number, label) {
  const input = [...document.querySelectorAll(`input[name="why${number}"]`)].find((one) => one.value === label);
  if (input) input.checked = true;
}

function tellFault(sentence) {
  clear();
  const paragraph = document.createElement("p");
  paragraph.textContent = sentence;
  byId("faults").replaceChildren(paragraph);
}

function busy(now) {
  byId("answer").ariaBusy = String(now);
}

function clear() {
  busy(false);
  byId("answer").hidden = true;
  byId("faults").replaceChildren();
  byId("said").textContent = "";
}

function goToAnswer() {
  if (byId("answer").hidden) return;
  byId("answer-heading").focus({ preventScroll: true });
  byId("answer").scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** Put one story of a file into the form, and show why it got its tags. */
async function open(record) {
  byId("second").checked = false;
  for (const field of ["title", "text"]) byId(`${field}1`).value = typeof record[field] === "string" ? record[field] : "";
  await ask(false);
  goToAnswer();
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  busy(true);
  timer = setTimeout(() => ask(true), PAUSE);
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearTimeout(timer);
  await ask(false);
  goToAnswer();
});
byId("answer").addEventListener("change", (event) => {
  for (const number of [1, 2]) choose(number, event.target.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement?.matches("mark")) document.activeElement.blur();
});
watchFile(byId("file"), open);
