"""Every format comes out as it went in: CSV, JSONL, Parquet, compressed or not."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from service.model.columns import added_columns
from service.model.story import Story
from service.model.tagger import Tagger
from tests.code.story_files import Scorer, jsonl, read, read_jsonl, write, write_jsonl

KEPT = ("n", "title", "text")
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


def test_lone_surrogates_come_through_json_as_they_were_and_are_rejects_where_the_format_has_none(score: Scorer, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "killed \ud800 border"}, {"text": "fine"})
    score("in.jsonl", "out.jsonl")
    assert read_jsonl(tmp_path / "out.jsonl")[0]["text"] == "killed \ud800 border"
    for output in ("out.csv", "out.parquet"):
        assert (score("in.jsonl", output).stories, len(score.rejects(output))) == (1, 1)
        assert "surrogate" in score.rejects(output)[0][2]


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
