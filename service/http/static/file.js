// The drop zone: a file of stories in, a table of tags and the tagged file out.
import { readRows } from "./rows.js";
import { tagRows } from "./tagging.js";
import { addedColumns, rejected, tagged } from "./tagged.js";

const SHOWN = 100;
let runs = 0;
const readable = (label) => label.replaceAll("_", " ");

/** Tag the file that is dropped anywhere on the page or chosen in `section`; `open` gets the record of a row to look at. */
export function watchFile(section, open) {
  const chooser = section.querySelector("input[type=file]");
  chooser.addEventListener("change", () => chooser.files[0] && run(section, chooser.files[0], open));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    section.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || section.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    section.classList.remove("over");
    run(section, event.dataTransfer.files[0], open);
  });
}

async function run(section, file, open) {
  const progress = section.querySelector("progress");
  const results = section.querySelector("#file-results");
  const number = (runs += 1);
  const say = (sentence) => (section.querySelector("#file-status").textContent = sentence);
  results.hidden = true;
  results.replaceChildren();
  try {
    say(`Reading ${file.name}`);
    const read = readRows(file.name, await file.arrayBuffer());
    Object.assign(progress, { hidden: false, max: read.rows.length, value: 0 });
    const labels = await scheme(section.dataset.model);
    await tagRows(read.rows, section.dataset.classify, Number(section.dataset.most), (done) => (progress.value = done));
    if (number !== runs) return;
    results.append(...resultParts(file.name, read, labels, open));
    results.hidden = false;
    say(summary(file.name, read.rows));
    section.scrollIntoView({ block: "start" });
  } catch (error) {
    if (number === runs) say(error instanceof TypeError ? "The service does not answer. Is it running?" : error.message);
  }
  if (number === runs) progress.hidden = true;
}

/** Ask for the model's label scheme. */
async function scheme(url) {
  const response = await fetch(url);
  const said = await response.json();
  if (!response.ok) throw new Error(said.detail);
  return said.manifest.labels;
}

function summary(name, rows) {
  const failed = rows.filter((row) => row.fault).length;
  return `${name}: ${rows.length - failed} of ${rows.length} rows tagged${failed ? `, ${failed} failed` : ""}.`;
}

function resultParts(name, read, labels, open) {
  const good = read.rows.filter((row) => row.answer);
  const bad = read.rows.filter((row) => row.fault);
  const downloads = element("p", { className: "downloads" });
  const parts = [downloads];
  if (bad.length) {
    const faults = download(rejected(bad), `${name}.rejects.jsonl`, "Download the list of failures");
    faults.classList.add("second");
    downloads.append(faults);
    parts.push(table("Rows that failed", ["Line", "Why"], bad, (row) => [row.line, row.fault]));
  }
  if (good.length) {
    downloads.prepend(download(tagged(read, addedColumns(read.rows, labels), good), name.replace(/(\.\w+)$/, ".tagged$1"), "Download the tagged file"));
    parts.push(table("Tagged rows", ["Line", "Story", "Topics", "Tone", "To review"], good, (row) => resultCells(row, open)));
  }
  return parts;
}

function resultCells({ line, record, answer }, open) {
  const button = element("button", { type: "button", className: "open", textContent: start(record.title?.trim() || record.text) });
  button.addEventListener("click", () => open(record));
  const review = answer.review.map(readable).join(", ");
  return [line, button, answer.topics.map(readable).join(", ") || "none", answer.tone ? readable(answer.tone) : "none", review];
}

function start(text) {
  const characters = Array.from(text.trim().replace(/\s+/g, " ").slice(0, 200));
  return characters.length > 80 ? `${characters.slice(0, 79).join("")}…` : characters.join("");
}

function table(caption, head, rows, cells) {
  const more = rows.length > SHOWN ? `; the first ${SHOWN} of ${rows.length}, all are in the download` : "";
  const body = element("tbody");
  body.append(...rows.slice(0, SHOWN).map((row) => line("td", cells(row))));
  const top = element("thead");
  top.append(line("th", head));
  top.querySelectorAll("th").forEach((cell) => (cell.scope = "col"));
  const whole = element("table");
  whole.append(element("caption", { textContent: caption + more }), top, body);
  const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption });
  scroll.append(whole);
  return scroll;
}

function line(kind, cells) {
  const row = element("tr");
  for (const content of cells) {
    const cell = element(kind);
    cell.append(content);
    row.append(cell);
  }
  return row;
}

function download(parts, name, words) {
  return element("a", { className: "download", download: name, textContent: words, href: URL.createObjectURL(new Blob(parts)) });
}

function element(kind, properties = {}) {
  return Object.assign(document.createElement(kind), properties);
}
