"""Scoring files: rows keep their order and columns, none is lost, none is half written."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from service.batch import chunks, parquet
from service.batch.command import progress
from service.batch.compression import decompressed
from service.batch.job import Options
from service.batch.score import How, Summary, score_files
from service.batch.sources import rejects_path
from service.errors import ConflictError, FileError
from service.model.columns import added_columns
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.stories import Corpus

KEPT = ("n", "title", "text")
SHARED = {"id": "x", "title": "", "text": "Two soldiers were killed at the border"}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every few rows make a chunk, so that small files have many."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    monkeypatch.setattr(parquet, "SLICE_ROWS", 3)
    return


class Scorer:
    """Scores files of one folder in this process."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.model, self.folder = model, folder

    def __call__(self, *words: str, restart: bool = False, **options: Any) -> Summary:
        *inputs, output = (word if word == "-" else str(self.folder / word) for word in words)
        how = How(processes=1, restart=restart)
        return score_files(inputs, output, model=self.model, options=Options(**options), how=how)

    def rejects(self, output: str) -> list[tuple[str, int, str]]:
        lines = read_jsonl(rejects_path(self.folder / output))
        return [(Path(line["file"]).name, line["line"], line["reason"]) for line in lines]


@pytest.fixture
def score(small_model_dir: Path, tmp_path: Path) -> Scorer:
    return Scorer(small_model_dir, tmp_path)


@pytest.fixture
def stories(small_corpus: Corpus) -> list[dict[str, Any]]:
    return [{"n": number, "title": row.story.title, "text": row.story.text} for number, row in enumerate(small_corpus.rows[:20])]


def write_jsonl(path: Path, *lines: Any) -> Path:
    path.write_bytes(jsonl(*lines))
    return path


def jsonl(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def read_jsonl(path: Path) -> list[Any]:
    return [json.loads(line) for line in plain(path).decode().splitlines()]


def plain(path: Path) -> bytes:
    with path.open("rb") as file:
        return decompressed(file, {".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "")).read()


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows by libraries other than ours, in the format of the name."""
    form = path.name.split(".")[1]
    if form == "parquet":
        data = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), data, row_group_size=7)
        content = data.getvalue().to_pybytes()
    elif form == "csv":
        lines = [
            ",".join(f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in row.values())
            for row in (dict(zip(rows[0], rows[0], strict=True)), *rows)
        ]
        content = "\r\n".join(lines).encode()
    else:
        content = jsonl(*rows)
    squeeze = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(squeeze(content))


def read(path: Path) -> list[dict[str, Any]]:
    form, content = path.name.split(".")[1], plain(path)
    if form == "parquet":
        return pq.read_table(pa.BufferReader(content)).to_pylist()
    return (
        list(csv.DictReader(content.decode().splitlines(keepends=True)))
        if form == "csv"
        else [json.loads(line) for line in content.splitlines()]
    )


FORMS = [form + end for form in ("jsonl", "csv", "parquet") for end in ("", ".gz", ".zst")]


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("output", FORMS)
@pytest.mark.usefixtures("small_chunks")
def test_from_every_format_to_every_other_rows_keep_order_and_columns_and_get_the_taggers_answers(
    score: Scorer, small_tagger: Tagger, stories: list[dict[str, Any]], source: str, output: str, tmp_path: Path
) -> None:
    write(tmp_path / f"in.{source}", stories)
    summary = score(f"in.{source}", f"out.{output}")
    assert (summary.stories, summary.rejects) == (len(stories), 0)
    rows = read(tmp_path / f"out.{output}")
    assert [tuple(str(row[name]) for name in KEPT) for row in rows] == [tuple(str(row[name]) for name in KEPT) for row in stories]
    assert list(rows[0]) == [*KEPT, *(column.name for column in added_columns(small_tagger.model))]
    tags = small_tagger.tag([Story.from_record(row) for row in stories])
    joined = [";".join(row["topics"]) if isinstance(row["topics"], list) else row["topics"] for row in rows]
    assert joined == [";".join(found.topics) for found in tags]
    assert [float(row["score_hostile"]) for row in rows] == [found.tone_scores["hostile"] for found in tags]
    assert {path.name for path in tmp_path.iterdir()} == {f"in.{source}", f"out.{output}"}


def test_the_same_input_gives_the_same_bytes_whatever_the_number_of_processes(
    small_model_dir: Path, stories: list[dict[str, Any]], tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", *stories * 400)
    for processes in (1, 2):
        score_files([str(source)], str(tmp_path / f"{processes}.csv.gz"), model=small_model_dir, how=How(processes))
    assert (tmp_path / "1.csv.gz").read_bytes() == (tmp_path / "2.csv.gz").read_bytes()


def test_csv_with_a_mark_newlines_and_quotes_comes_out_whole(score: Scorer, small_tagger: Tagger, tmp_path: Path) -> None:
    cells = ["a", 'He said "fire",\nthen two soldiers were killed at the border', "Überschrift"]
    with (tmp_path / "in.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["id", "text", "note"], cells, ["b", "Talks on a truce", ""]])
    score("in.csv", "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["a", "b"]
    assert [rows[0][name] for name in ("id", "text", "note")] == cells
    assert rows[0]["topics"] == ";".join(small_tagger.tag([Story(text=cells[1])])[0].topics)


@pytest.mark.usefixtures("small_chunks")
def test_records_of_csv_over_many_lines_are_never_cut_and_keep_their_line_numbers(score: Scorer, tmp_path: Path) -> None:
    records = [f'{number},"shells fell\non the {number}th day\nat the ""border"""' for number in range(50)]
    (tmp_path / "in.csv").write_text("\n".join(["n,text", *records, "too,many,cells", 'stray "quote,fired', '"a"b,broken', "51,talks"]))
    summary = score("in.csv", "out.jsonl")
    lines = read_jsonl(tmp_path / "out.jsonl")
    assert [line["n"] for line in lines] == [*map(str, range(50)), 'stray "quote', "51"]
    assert lines[49]["text"] == 'shells fell\non the 49th day\nat the "border"'
    assert summary.rejects == 2
    assert [line for _, line, _ in score.rejects("out.jsonl")] == [152, 154]


def test_a_quote_that_is_never_closed_costs_the_rows_in_it_not_the_memory(
    score: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.rows.LONGEST_FIELD", 200)
    (tmp_path / "in.csv").write_text('text\nfirst\n"never closed\n' + "a row within\n" * 30)
    summary = score("in.csv", "out.jsonl")
    assert summary.rejects == 1
    [(_, line, reason)] = score.rejects("out.jsonl")
    assert line == 3
    assert "field larger than field limit" in reason
    assert read_jsonl(tmp_path / "out.jsonl")[-1]["text"] == "a row within"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_line_too_long_to_hold_is_a_reject_and_reading_goes_on_after_it(
    score: Scorer, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "LONGEST_LINE", 100)
    rows = [f'{{"text": "{text}"}}' if form == "jsonl" else text for text in ("one", "x" * 250, "two", "y" * 300)]
    (tmp_path / f"in.{form}").write_text("\n".join(["text"] * (form == "csv") + rows))
    score(f"in.{form}", "out.jsonl")
    assert [line["text"] for line in read_jsonl(tmp_path / "out.jsonl")] == ["one", "two"]
    first = 1 if form == "jsonl" else 2
    assert [line for _, line, _ in score.rejects("out.jsonl")] == [first + 1, first + 3]


def test_a_bad_row_goes_to_the_rejects_with_place_and_reason_and_stops_nothing(score: Scorer, tmp_path: Path) -> None:
    bad = [b"{broken", {"id": 7, "text": 5}, {"title": "", "text": " "}, b'{"text": "caf\xe9"}', b'{"text": "big", "n": 1e400}']
    write_jsonl(tmp_path / "in.jsonl", {"text": "one"}, *bad, {"text": "two"})
    summary = score("in.jsonl", "out.jsonl")
    assert (summary.stories, summary.rejects) == (2, 5)
    assert [line["text"] for line in read_jsonl(tmp_path / "out.jsonl")] == ["one", "two"]
    assert [line for _, line, _ in score.rejects("out.jsonl")] == [2, 3, 4, 5, 6]
    rejects = read_jsonl(rejects_path(tmp_path / "out.jsonl"))
    assert rejects[0]["file"] == str(tmp_path / "in.jsonl")
    assert "not JSON" in rejects[0]["reason"]
    assert rejects[1]["id"] == 7
    assert "must be text, not a number" in rejects[1]["reason"]
    write_jsonl(tmp_path / "in.jsonl", {"text": "one"})
    score("in.jsonl", "out.jsonl")
    assert not rejects_path(tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("end", [".gz", ".zst"])
@pytest.mark.usefixtures("small_chunks")
def test_of_a_compressed_file_cut_short_the_whole_rows_count_and_the_rest_is_a_reject(
    score: Scorer, stories: list[dict[str, Any]], tmp_path: Path, end: str
) -> None:
    rows = [row | {"noise": "".join(chr(97 + (number * row["n"] * 7919) % 26) for number in range(3000))} for row in stories * 10]
    write(tmp_path / f"in.jsonl{end}", rows)
    whole = (tmp_path / f"in.jsonl{end}").read_bytes()
    (tmp_path / f"in.jsonl{end}").write_bytes(whole[: len(whole) * 2 // 3])
    write_jsonl(tmp_path / "later.jsonl", {"n": "last", "text": "talks"})
    summary = score(f"in.jsonl{end}", "later.jsonl", "out.jsonl")
    scored = read_jsonl(tmp_path / "out.jsonl")
    assert [line["n"] for line in scored] == [*(row["n"] for row in rows[: len(scored) - 1]), "last"]
    [(name, line, reason)] = score.rejects("out.jsonl")
    assert (name, line) == (f"in.jsonl{end}", len(scored))
    assert "cannot be read" in reason
    assert 0 < summary.stories < len(rows)


def test_compressed_files_of_several_members_are_read_to_the_end(score: Scorer, tmp_path: Path) -> None:
    for end, squeeze in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        (tmp_path / f"in.jsonl{end}").write_bytes(squeeze(jsonl({"text": "one"})) + squeeze(jsonl({"text": "two"})))
        score(f"in.jsonl{end}", "out.jsonl")
        assert [line["text"] for line in read_jsonl(tmp_path / "out.jsonl")] == ["one", "two"]


@pytest.mark.usefixtures("small_chunks")
def test_parquet_keeps_types_and_nulls_and_what_json_has_no_kind_for_becomes_text(score: Scorer, tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, None, 3, 3], pa.int32()),
            "text": pa.array(["Two killed", None, "Talks", ""], pa.large_string()),
            "title": pa.array([None, "Truce", None, None], pa.string()),
            "at": pa.array([1, 2, None, 4], pa.timestamp("ns")),
            "price": pa.array([1.5, math.nan, None, 2.0]),
            "raw": pa.array([b"\xff", None, b"a", b"b"]),
            "parts": pa.array([[{"a": 1}], None, [], []], pa.list_(pa.struct([("a", pa.int8())]))),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    summary = score("in.parquet", "out.parquet")
    assert (summary.stories, summary.rejects) == (3, 1)
    out = pq.read_table(tmp_path / "out.parquet")
    assert repr(out.select(table.column_names).to_pydict()) == repr(table.take([0, 1, 2]).to_pydict())
    assert out.schema.field("at").type == pa.timestamp("ns")
    assert score.rejects("out.parquet") == [("in.parquet", 4, "text: neither title nor text holds anything")]
    score("in.parquet", "out.jsonl")
    first, second, third = read_jsonl(tmp_path / "out.jsonl")
    assert (first["at"], first["raw"], first["parts"]) == ("1970-01-01 00:00:00.000000001", "/w==", [{"a": 1}])
    assert (second["id"], second["text"], second["price"]) == (None, None, None)
    assert third["at"] is None
    score("in.parquet", "out.csv")
    assert read(tmp_path / "out.csv")[0]["parts"] == '[{"a": 1}]'


def test_a_broken_row_group_rejects_its_rows_one_by_one(score: Scorer, stories: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.Table.from_pylist(stories), path, row_group_size=5, use_dictionary=False, write_page_checksum=True)
    column = pq.read_metadata(path).row_group(1).column(2)
    data = bytearray(path.read_bytes())
    start = column.data_page_offset + column.total_compressed_size - 250
    data[start : start + 200] = bytes(200)
    path.write_bytes(data)
    summary = score("in.parquet", "out.jsonl")
    assert (summary.stories, summary.rejects) == (15, 5)
    assert [line for _, line, _ in score.rejects("out.jsonl")] == [6, 7, 8, 9, 10]


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_name_other_columns_share_one_csv_header_and_one_parquet_schema(score: Scorer, tmp_path: Path) -> None:
    rows = [
        {"text": "one", "n": 1},
        {"text": "two", "n": 2.5},
        {"text": "three"},
        {"text": "four", "extra": ["a", "b"]},
        {"text": "five", "n": "x"},
    ]
    write_jsonl(tmp_path / "in.jsonl", *rows)
    score("in.jsonl", "out.csv")
    scored = read(tmp_path / "out.csv")
    assert list(scored[0])[:3] == ["text", "n", "extra"]
    assert [(row["text"], row["n"], row["extra"]) for row in scored] == [
        ("one", "1", ""), ("two", "2.5", ""), ("three", "", ""), ("four", "", "a;b"), ("five", "x", ""),
    ]  # fmt: skip
    assert scored[4]["tone"] in {"hostile", "neutral", "conciliatory", ""}
    score("in.jsonl", "out.parquet")
    assert [row["n"] for row in read(tmp_path / "out.parquet")] == ["1.0", "2.5", None, None, "x"]
    assert [row["extra"] for row in read(tmp_path / "out.parquet")] == [None, None, None, ["a", "b"], None]


def test_whole_numbers_that_floating_point_cannot_hold_stay_exact_in_parquet(score: Scorer, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "one", "n": 2**53 + 1}, {"text": "two", "n": 0.5})
    score("in.jsonl", "out.parquet")
    assert [row["n"] for row in read(tmp_path / "out.parquet")] == [str(2**53 + 1), "0.5"]


def test_columns_can_be_named_and_chosen(score: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("key,body,head,tone\n1,Two killed at the border,,mine\n2,,,\n")
    summary = score("in.csv", "out.jsonl", text="body", title="head", id="key", kept=("key",))
    assert (summary.stories, summary.rejects) == (1, 1)
    [line] = read_jsonl(tmp_path / "out.jsonl")
    assert line["key"] == "1"
    assert line["tone"] != "mine"
    assert "body" not in line
    [reject] = read_jsonl(rejects_path(tmp_path / "out.jsonl"))
    assert (reject["id"], reject["reason"]) == ("2", "body: neither title nor text holds anything")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_column_that_bears_an_added_name_is_refused_unless_a_prefix_is_given(score: Scorer, tmp_path: Path, form: str) -> None:
    write(tmp_path / f"in.{form}", [{"text": "one", "tone": "mine"}])
    output = tmp_path / "out.jsonl"
    output.write_text("from before")
    with pytest.raises(FileError, match=r"has a column 'tone' already.*--prefix"):
        score(f"in.{form}", "out.jsonl")
    assert output.read_text() == "from before"
    assert {path.name for path in tmp_path.iterdir()} == {f"in.{form}", "out.jsonl"}
    score(f"in.{form}", "out.jsonl", prefix="predicted_")
    [line] = read_jsonl(output)
    assert line["tone"] == "mine"
    assert "predicted_tone" in line


def test_lone_surrogates_come_through_json_as_they_were_and_are_rejects_where_the_format_has_none(score: Scorer, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "killed \ud800 border"}, {"text": "fine"})
    score("in.jsonl", "out.jsonl")
    assert read_jsonl(tmp_path / "out.jsonl")[0]["text"] == "killed \ud800 border"
    for output in ("out.csv", "out.parquet"):
        assert (score("in.jsonl", output).stories, len(score.rejects(output))) == (1, 1)
        assert "surrogate" in score.rejects(output)[0][2]


def test_rows_with_the_same_id_are_all_kept(score: Scorer, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", SHARED, SHARED, {**SHARED, "text": "Talks"})
    assert score("in.jsonl", "out.jsonl").stories == 3
    assert [line["id"] for line in read_jsonl(tmp_path / "out.jsonl")] == ["x"] * 3


def test_folders_and_globs_stand_for_their_files_by_name_without_the_outputs_own(score: Scorer, tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.csv", "notes.txt"):
        (tmp_path / name).write_text(f'{{"text": "{name}"}}\n' if name.endswith("jsonl") else "text\nc.csv\n")
    for _ in range(2):
        score(".", "out.jsonl")
        assert [line["text"] for line in read_jsonl(tmp_path / "out.jsonl")] == ["a.jsonl", "b.jsonl", "c.csv"]
    score("[ab].*", "out2.jsonl")
    assert [line["text"] for line in read_jsonl(tmp_path / "out2.jsonl")] == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("in.jsonl", "out.txt"), "files of stories end in"),
        (("in.txt", "out.jsonl"), "files of stories end in"),
        (("in.jsonl", "in.jsonl"), "is the input too"),
        (("in.jsonl", "in.jsonl", "out.jsonl"), "named twice"),
        (("gone.jsonl", "out.jsonl"), "cannot be read: No such file"),
        (("gone*.jsonl", "out.jsonl"), "holds no files"),
        (("in.jsonl", "nowhere/out.jsonl"), "No such file"),
        (("broken.parquet", "out.jsonl"), r"broken\.parquet: cannot be read as Parquet"),
        (("broken.parquet.gz", "out.jsonl"), r"broken\.parquet\.gz: cannot be read"),
        (("twice.csv", "out.jsonl"), r"twice\.csv:1: the column 'a' stands twice"),
        (("other.csv", "out.jsonl"), r"neither a column 'text' nor 'title'.*--text-column"),
        (("numbers.parquet", "out.jsonl"), "column 'text' holds int64, not text"),
        (("-", "out.jsonl"), "say with --format"),
    ],
)
def test_unusable_files_are_named_and_leave_nothing_behind(score: Scorer, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "one"})
    (tmp_path / "in.txt").touch()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "broken.parquet.gz").write_bytes(gzip.compress(b"PAR1")[:-6])
    (tmp_path / "twice.csv").write_text("a,a\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    pq.write_table(pa.table({"text": [1]}), tmp_path / "numbers.parquet")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileError, match=message):
        score(*words)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("source", "text", "columns"), [("in.jsonl", "", []), ("in.csv", "", []), ("in.csv", "text,n\n", ["text", "n"])])
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_file_without_rows_gives_an_output_without_rows(
    score: Scorer, tmp_path: Path, source: str, text: str, columns: list[str], output: str
) -> None:
    (tmp_path / source).write_text(text)
    assert score(source, output).stories == 0
    assert read(tmp_path / output) == []
    if output == "out.parquet":
        assert pq.read_schema(tmp_path / output).names[: len(columns) + 1] == [*columns, "topics"]
    if output == "out.csv" and columns:
        assert (tmp_path / output).read_text().startswith("text,n,topics")


def test_parquet_without_rows_keeps_its_schema(score: Scorer, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string()), "n": pa.array([], pa.int16())}), tmp_path / "in.parquet")
    assert score("in.parquet", "out.parquet").stories == 0
    assert pq.read_schema(tmp_path / "out.parquet").field("n").type == pa.int16()


@pytest.mark.parametrize(("module", "words"), [("pyarrow.parquet", "in.parquet out.jsonl"), ("zstandard", "in.jsonl out.jsonl.zst")])
def test_an_absent_library_is_named_with_the_extra_that_brings_it(
    score: Scorer, tmp_path: Path, module: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "one"})
    (tmp_path / "in.parquet").touch()
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConflictError, match=r"pip install 'conflict-tagger\[batch\]'"):
        score(*words.split())


def test_the_bar_says_how_much_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    seconds = itertools.count(1)
    monkeypatch.setattr("time.time", lambda: next(seconds))
    with progress() as watch:
        for done in (10, 20, 30):
            watch(done, 100, done * 5)
    assert re.search(r"30%.*00:00:\d\d.*150 stories", terminal.getvalue())
