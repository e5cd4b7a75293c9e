"""Scoring files: rows keep their order and columns, none is lost, none is half written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from service.batch.score import added_columns, rejects_path, score_file
from service.errors import FileError
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.stories import Corpus


def write_jsonl(path: Path, *lines: Any) -> Path:
    path.write_bytes(b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines))
    return path


def read_jsonl(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_jsonl_rows_keep_order_and_fields_and_get_the_taggers_answers(small_tagger: Tagger, small_corpus: Corpus, tmp_path: Path) -> None:
    lines = [{"n": number, "title": row.story.title, "text": row.story.text} for number, row in enumerate(small_corpus.rows)] * 10
    source, output = write_jsonl(tmp_path / "in.jsonl", *lines), tmp_path / "out.jsonl"
    summary = score_file(small_tagger, source, output)
    scored = read_jsonl(output)
    assert summary.stories == len(lines) == len(scored)
    assert [{key: line[key] for key in ("n", "title", "text")} for line in scored] == lines
    tags = small_tagger.tag([Story.from_record(line) for line in lines])
    assert [line["topics"] for line in scored] == [list(tag.topics) for tag in tags]
    assert [line["score_hostile"] for line in scored] == [tag.tone_scores["hostile"] for tag in tags]
    assert list(scored[0]) == ["n", "title", "text", *added_columns(small_tagger.model, "")]


def test_csv_with_a_mark_newlines_and_quotes_comes_out_whole(small_tagger: Tagger, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    cells = ["a", 'He said "fire",\nthen two soldiers were killed at the border', "Überschrift"]
    with source.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["id", "text", "note"], cells, ["b", "Talks on a truce", ""]])
    score_file(small_tagger, source, output)
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["a", "b"]
    assert [rows[0][name] for name in ("id", "text", "note")] == cells
    assert rows[0]["topics"] == ";".join(small_tagger.tag([Story(text=cells[1])])[0].topics)


def test_a_bad_row_goes_to_the_rejects_with_place_and_reason_and_stops_nothing(small_tagger: Tagger, tmp_path: Path) -> None:
    bad = [b"{broken", {"text": 5}, {"title": "", "text": " "}, b'{"text": "caf\xe9"}']
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "one"}, *bad, {"text": "two"})
    output = tmp_path / "out.jsonl"
    summary = score_file(small_tagger, source, output)
    assert (summary.stories, summary.rejects) == (2, 4)
    assert [line["text"] for line in read_jsonl(output)] == ["one", "two"]
    rejects = read_jsonl(rejects_path(output))
    assert [(reject["file"], reject["line"]) for reject in rejects] == [(str(source), line) for line in (2, 3, 4, 5)]
    assert "not JSON" in rejects[0]["reason"]
    assert "must be text, not a number" in rejects[1]["reason"]
    write_jsonl(source, {"text": "one"})
    score_file(small_tagger, source, output)
    assert not rejects_path(output).exists()


def test_a_column_that_bears_an_added_name_is_refused_unless_a_prefix_is_given(small_tagger: Tagger, tmp_path: Path) -> None:
    source, output = write_jsonl(tmp_path / "in.jsonl", {"text": "one", "tone": "mine"}), tmp_path / "out.jsonl"
    output.write_text("from before")
    with pytest.raises(FileError, match=r"in\.jsonl:1: has a column 'tone' already"):
        score_file(small_tagger, source, output)
    assert output.read_text() == "from before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}
    score_file(small_tagger, source, output, prefix="predicted_")
    [line] = read_jsonl(output)
    assert line["tone"] == "mine"
    assert "predicted_tone" in line


def test_lone_surrogates_come_through_as_they_were(small_tagger: Tagger, tmp_path: Path) -> None:
    source, output = write_jsonl(tmp_path / "in.jsonl", {"text": "killed \ud800 border"}), tmp_path / "out.jsonl"
    score_file(small_tagger, source, output)
    assert read_jsonl(output)[0]["text"] == "killed \ud800 border"


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("in.jsonl", "out.csv", "must end alike"),
        ("in.txt", "out.txt", "must end alike"),
        ("in.jsonl", "in.jsonl", "is the input too"),
        ("gone.jsonl", "out.jsonl", "cannot be read"),
        ("in.jsonl", "nowhere/out.jsonl", "No such file"),
    ],
)
def test_unusable_files_are_named(small_tagger: Tagger, tmp_path: Path, source: str, output: str, message: str) -> None:
    write_jsonl(tmp_path / "in.jsonl", {"text": "one"})
    with pytest.raises(FileError, match=message):
        score_file(small_tagger, tmp_path / source, tmp_path / output)


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
def test_an_empty_file_gives_an_empty_file(small_tagger: Tagger, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    output = tmp_path / f"out{Path(name).suffix}"
    assert score_file(small_tagger, tmp_path / name, output).stories == 0
    assert output.read_text() == ""
