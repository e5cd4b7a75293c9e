"""Scoring files: rows keep their order and columns, none is lost, none is half written."""

from __future__ import annotations

import gzip
import io
import itertools
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.batch import chunks
from service.batch.command import progress
from service.batch.score import How, score_files
from service.batch.sources import rejects_path
from service.errors import ConflictError, FileError
from tests.code.story_files import Scorer, read_jsonl, write, write_jsonl

SHARED = {"id": "x", "title": "", "text": "Two soldiers were killed at the border"}


def test_the_same_input_gives_the_same_bytes_whatever_the_number_of_processes(
    small_model_dir: Path, stories: list[dict[str, Any]], tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", *stories * 400)
    for processes in (1, 2):
        score_files([str(source)], str(tmp_path / f"{processes}.csv.gz"), model=small_model_dir, how=How(processes))
    assert (tmp_path / "1.csv.gz").read_bytes() == (tmp_path / "2.csv.gz").read_bytes()


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
