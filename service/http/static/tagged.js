// The tagged file: the rows as they were, in their order, with the columns that `conflict-service score` adds.
import { csvRecord } from "./rows.js";

const PREFIX = "predicted_";

/** Name the added columns and say how each is read from an answer; where the file has one of that name they all get a prefix. */
export function addedColumns(rows, labels) {
  const columns = [
    ...Object.keys(labels).map((head) => [head, (answer) => answer[head]]),
    ...Object.entries(labels).flatMap(([head, names]) => Object.keys(names).map((label) => [`score_${label}`, (answer) => answer.scores[head][label] ?? null])),
    ...["review", "coverage", "model"].map((name) => [name, (answer) => answer[name]]),
  ];
  const taken = rows.some((row) => row.record && columns.some(([name]) => Object.hasOwn(row.record, name)));
  return taken ? columns.map(([name, read]) => [PREFIX + name, read]) : columns;
}

/** Give the tagged rows as pieces of a file of the kind that was read. */
export function tagged({ header }, columns, rows) {
  if (!header) return rows.map((row) => jsonLine(row, columns));
  const cells = (row) => [...row.source, ...columns.map(([, read]) => cell(read(row.answer)))];
  return [csvRecord([...header, ...columns.map(([name]) => name)]), ...rows.map((row) => csvRecord(cells(row)))];
}

/** Give the failed rows as JSONL: line and reason. */
export function rejected(rows) {
  return rows.map(({ line, fault }) => `${JSON.stringify({ line, reason: fault })}\n`);
}

/** Add to the row's own text, so that numbers too large for JavaScript stay as they were. */
function jsonLine({ source, answer }, columns) {
  const added = JSON.stringify(Object.fromEntries(columns.map(([name, read]) => [name, read(answer)])));
  return `${source.slice(0, -1).trimEnd()}, ${added.slice(1)}\n`;
}

function cell(value) {
  return Array.isArray(value) ? value.join(";") : (value ?? "");
}
