// Rows to answers: lists of stories sent to /classify. A list in which the service names faults goes again without those rows.

const MOST_CHARACTERS = 4_000_000;
const PATIENCE = 5;

/**
 * Tag every row that has a record: it gets an `answer`, or a `fault`.
 * @param {(done: number) => void} tell called after each list
 */
export async function tagRows(rows, url, most, tell) {
  let done = 0;
  for (const list of lists(rows.filter((row) => row.record), most)) {
    await tagList(list, url);
    done += list.length;
    tell(done);
  }
}

function* lists(rows, most) {
  let list = [];
  let size = 0;
  for (const row of rows) {
    const length = String(row.record.title ?? "").length + String(row.record.text ?? "").length;
    if (list.length && (list.length === most || size + length > MOST_CHARACTERS)) {
      yield list;
      list = [];
      size = 0;
    }
    list.push(row);
    size += length;
  }
  if (list.length) yield list;
}

async function tagList(rows, url) {
  if (!rows.length) return;
  const response = await post(url, { stories: rows.map((row) => asked(row.record)) });
  const said = await response.json().catch(() => ({}));
  if (response.ok) return rows.forEach((row, index) => (row.answer = said.stories[index]));
  if (nameFaults(rows, said.errors ?? [])) return tagList(rows.filter((row) => !row.fault), url);
  if (response.status === 413 && rows.length > 1) {
    const half = Math.ceil(rows.length / 2);
    await tagList(rows.slice(0, half), url);
    return tagList(rows.slice(half), url);
  }
  rows.forEach((row) => (row.fault = said.detail ?? `the service answered ${response.status}`));
}

/** Send a list; where the service asks to come again later, do so. */
async function post(url, body) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const wait = Number(response.headers.get("Retry-After"));
    if (response.ok || !wait || attempt === PATIENCE) return response;
    await new Promise((resume) => setTimeout(resume, 1000 * Math.min(wait, 30)));
  }
}

function asked({ title, text, id }) {
  return typeof id === "number" && Number.isInteger(id) && !Number.isSafeInteger(id) ? { title, text } : { title, text, id };
}

function nameFaults(rows, errors) {
  let any = false;
  for (const { pointer, detail } of errors) {
    const [, index, field] = /^\/stories\/(\d+)(?:\/(.*))?$/.exec(pointer ?? "") ?? [];
    const row = rows[index];
    if (!row) continue;
    row.fault = [row.fault, field ? `${field}: ${detail}` : detail].filter(Boolean).join("; ");
    any = true;
  }
  return any;
}
