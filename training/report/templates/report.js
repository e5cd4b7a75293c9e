"use strict";
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function readOut(slider) {
  const { thresholds, precision, recall, f1 } = JSON.parse(slider.dataset.points);
  const input = slider.querySelector("input");
  const output = slider.querySelector("output");
  const nearest = (wanted) => thresholds.reduce((best, value, place) => (Math.abs(value - wanted) < Math.abs(thresholds[best] - wanted) ? place : best), 0);
  const show = () => {
    const place = Number(input.value);
    const said = `threshold ${thresholds[place].toFixed(3)}: precision ${percent(precision[place])}, recall ${percent(recall[place])}, F1 ${f1[place].toFixed(3)}`;
    output.textContent = said;
    input.setAttribute("aria-valuetext", said);
  };
  input.max = String(thresholds.length - 1);
  input.value = String(nearest(Number(slider.dataset.chosen)));
  input.addEventListener("input", show);
  slider.hidden = false;
  show();
}

document.querySelectorAll(".slider").forEach(readOut);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
