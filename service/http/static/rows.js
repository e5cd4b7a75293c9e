// Files of stories, row by row: JSONL and CSV as `service/rows.py` reads them, every bad row named and none lost.

/**
 * Read a file's rows.
 * @returns {{rows: {line: number, record?: object, source?: string|string[], fault?: string}[], header?: string[]}}
 * @throws {Error} when the file as a whole cannot be read
 */
export function readRows(name, bytes) {
  const reader = { jsonl: readJsonl, csv: readCsv }[name.toLowerCase().split(".").pop()];
  if (!reader) throw new Error(`${name}: files of stories end in .jsonl or .csv.`);
  const { text, broken } = decode(bytes);
  const file = reader(text);
  if (!file.rows.length) throw new Error(`${name}: holds no stories.`);
  for (const row of broken ? file.rows : []) {
    if (JSON.stringify(row.record ?? "").includes("\ufffd")) {
      row.fault = "not UTF-8";
      delete row.record;
    }
  }
  return file;
}

function decode(bytes) {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), broken: false };
  } catch {
    return { text: new TextDecoder("utf-8").decode(bytes), broken: true };
  }
}

function readJsonl(text) {
  const rows = [];
  text.split("\n").forEach((source, index) => {
    if (source.trim()) rows.push(jsonRow(index + 1, source.trim()));
  });
  return { rows };
}

function jsonRow(line, source) {
  try {
    const record = JSON.parse(source);
    if (record === null || typeof record !== "object" || Array.isArray(record)) return { line, fault: "a row must be a JSON object" };
    return { line, record, source };
  } catch (error) {
    return { line, fault: `not JSON: ${error.message}` };
  }
}

function readCsv(text) {
  const [first, ...rest] = [...csvLines(text)];
  if (!first) return { rows: [] };
  const header = first.cells;
  const twice = header.find((column, index) => header.indexOf(column) !== index);
  if (twice !== undefined) throw new Error(`The column “${twice}” stands twice in the header.`);
  if (!header.includes("title") && !header.includes("text")) throw new Error("The header has neither a column title nor a column text.");
  return { header, rows: rest.map((line) => csvRow(header, line)) };
}

function csvRow(header, { line, cells, fault }) {
  if (fault) return { line, fault };
  if (cells.length !== header.length) return { line, fault: `${cells.length} cells, but the header has ${header.length} columns` };
  return { line, record: Object.fromEntries(header.map((column, index) => [column, cells[index]])), source: cells };
}

/** Part CSV (RFC 4180) into records; `line` is where one begins. Blank lines are passed over. */
function* csvLines(text) {
  const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n][^,\r\n]*)?)(,|\r?\n|$)/y;
  let line = 1;
  let start = 1;
  let cells = [];
  while (cell.lastIndex < text.length || cells.length) {
    const place = cell.lastIndex;
    const found = cell.exec(text);
    if (!found) {
      const end = text.indexOf("\n", place);
      yield { line: start, cells, fault: "not CSV: a quotation mark is not closed, or something stands after it" };
      cell.lastIndex = end < 0 ? text.length : end + 1;
      start = line += 1;
      cells = [];
      continue;
    }
    const [whole, quoted, plain, end] = found;
    cells.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    line += whole.split("\n").length - 1;
    if (end === ",") continue;
    if (cells.length > 1 || quoted !== undefined || plain) yield { line: start, cells };
    start = line;
    cells = [];
  }
}

/** Write one CSV record. */
export function csvRecord(cells) {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell)).join(",")}\n`;
}
