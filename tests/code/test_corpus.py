"""Reading labelled stories: everything wrong is reported at once, and order does not matter."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import CorpusError, FileError, LabelSchemeError
from training.corpus.check import report
from training.corpus.stories import Corpus, read_corpus, too_few

SCHEME = {"topics": {"war": "war", "sport": "sport"}, "tone": {"good": "good", "bad": "bad"}}


def row(key: str, **changes: Any) -> dict[str, Any]:
    return {"id": key, "text": f"text of {key}", "topics": ["war"], "tone": "bad", **changes}


def write(folder: Path, *lines: Any, name: str = "stories.jsonl") -> Path:
    (folder / "labels.json").write_text(json.dumps(SCHEME))
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    (folder / name).write_bytes(b"\n".join(data) + b"\n")
    return folder / name


FAULTS: list[tuple[str, Any, str]] = [
    ("unknown topic", row("b", topics=["war", "peace"]), "topics: unknown label 'peace'; known are war, sport"),
    ("topic twice", row("b", topics=["war", "war"]), "topics: 'war' stands twice"),
    ("topics no list", row("b", topics={"war": 1}), "topics: must be a list of labels"),
    ("topics missing", {"id": "b", "text": "x", "tone": "bad"}, "topics: missing"),
    ("unknown tone", row("b", tone="ugly"), "tone: unknown label 'ugly'; known are good, bad"),
    ("tone missing", {"id": "b", "text": "x", "topics": []}, "tone: missing"),
    ("tone no text", row("b", tone=3), "tone: must be text, not a number"),
    ("neither title nor text", row("b", text="  ", title=""), "neither title nor text holds anything"),
    ("text no text", row("b", text=["x"]), "text: must be text, not a list"),
    ("title no text", row("b", title=False), "title: must be text, not a truth value"),
    ("id missing", {"text": "x", "topics": [], "tone": "bad"}, "id: missing"),
    ("id twice", row("a", text="other"), "id: 'a' stands at"),
    ("broken JSON", b'{"id": "b", ', "not JSON: Expecting property name"),
    ("no object", b"[1]", "a row must be a JSON object, not a list"),
    ("bad UTF-8", b'{"id": "b", "text": "caf\xe9"}', "not UTF-8: byte 0xe9"),
    ("NaN", b'{"id": "b", "score": NaN}', "NaN is not a JSON number"),
    ("key twice", b'{"id": "b", "id": "c"}', "the key 'id' stands twice"),
    ("too deep", b"[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("bad", "reason"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_bad_row_is_named_by_file_and_line_with_the_reason(tmp_path: Path, bad: Any, reason: str) -> None:
    file = write(tmp_path, row("a"), bad)
    with pytest.raises(CorpusError) as caught:
        read_corpus([file])
    [fault] = caught.value.faults
    assert fault.startswith(f"{file}:2: ")
    assert reason in fault


def test_a_text_that_stands_twice_with_other_labels_is_kept_and_reported(tmp_path: Path) -> None:
    file = write(tmp_path, row("a"), row("b", text="text of a", tone="good"), row("c", text="text of a"))
    corpus = read_corpus([file])
    assert len(corpus.rows) == 3
    assert corpus.contradictions == (f"{file}:2: same text as {file}:1, but labelled war good here and war bad there",)
    assert corpus.contradictions[0] in report(corpus)[1]


def test_all_faults_of_all_files_come_in_one_report(tmp_path: Path) -> None:
    write(tmp_path, *(fault[1] for fault in FAULTS), name="one.jsonl")
    write(tmp_path, row("z"), b"nonsense", row("y", tone="ugly", topics=["peace"]), name="two.jsonl")
    with pytest.raises(CorpusError) as caught:
        read_corpus([tmp_path])
    places = {fault.split(": ")[0].rsplit("/", 1)[-1] for fault in caught.value.faults}
    named_by_row = {f"one.jsonl:{line}" for line, fault in enumerate(FAULTS, 1) if fault[0] != "id twice"}
    assert named_by_row <= places
    assert {"two.jsonl:2", "two.jsonl:3"} <= places
    assert "faults found" in str(caught.value)


def test_order_and_division_into_files_do_not_matter(tmp_path: Path) -> None:
    rows = [row(f"s{number}", tone="good" if number % 2 else "bad") for number in range(9)]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "a", *rows)
    write(tmp_path / "b", *rows[5:], name="x.jsonl")
    write(tmp_path / "b", *reversed(rows[:5]), name="y.jsonl")
    first, second = read_corpus([tmp_path / "a"]), read_corpus([tmp_path / "b"])
    assert first.fingerprint == second.fingerprint
    assert first.texts == second.texts


def test_csv_means_the_same_as_jsonl(tmp_path: Path) -> None:
    rows = [row("a", title='quo"ted, title', topics=["war", "sport"]), row("b", text="two\nlines", topics=[]), row("c", source="wire")]
    jsonl = write(tmp_path, *rows)
    table = tmp_path / "table.csv"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["id", "title", "text", "topics", "tone", "source"])
        writer.writeheader()
        writer.writerows({**line, "topics": ";".join(line["topics"])} for line in rows)
    assert read_corpus([table]).fingerprint == read_corpus([jsonl]).fingerprint
    assert read_corpus([table]).rows[2].extra["source"] == "wire"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"id,text,topics,tone\na,x,war\n", ":2: 3 cells, but the header has 4 columns"),
        (b"id,text,topics,tone\na,caf\xe9,war,bad\n", ":2: not UTF-8 in column 'text'"),
        (b'id,text,topics,tone\na,"two\nlines",war,ugly\nb,x,nix,bad\n', ":4: topics: unknown label 'nix'"),
        (b'id,text,topics,tone\na,"x"y,war,bad\n', ":2: not CSV"),
    ],
)
def test_a_bad_csv_row_is_named_by_the_line_it_begins_on(tmp_path: Path, data: bytes, fault: str) -> None:
    write(tmp_path, row("a"))
    (tmp_path / "bad.csv").write_bytes(data)
    with pytest.raises(CorpusError) as caught:
        read_corpus([tmp_path / "bad.csv"])
    assert any(fault in found for found in caught.value.faults)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ({}, "neither topics nor tone has a label"),
        ([], "must be an object"),
        ({"topics": {"war": "x"}, "mood": {}}, "unknown key 'mood'"),
        ({"topics": ["war"]}, "topics must be an object"),
        ({"tone": {"only": "one"}}, "at least two labels"),
        ({"topics": {"a;b": "x"}}, "not a usable name"),
        ({"topics": {"tone": "x"}}, "reserved"),
        ({"topics": {"war": 3}}, "must be text"),
        ({"topics": {"bad": "x"}, "tone": {"bad": "x", "good": "y"}}, "both a topic and a tone"),
    ],
)
def test_an_unusable_label_scheme_is_refused(tmp_path: Path, scheme: Any, message: str) -> None:
    file = write(tmp_path, row("a"))
    (tmp_path / "labels.json").write_text(json.dumps(scheme))
    with pytest.raises(LabelSchemeError, match=message):
        read_corpus([file])


def test_missing_files_schemes_and_unknown_kinds_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelSchemeError, match=r"labels\.json: cannot be read"):
        read_corpus([tmp_path / "none.jsonl"])
    file = write(tmp_path, row("a"))
    with pytest.raises(FileError, match=r"gone\.jsonl: cannot be read"):
        read_corpus([file, tmp_path / "gone.jsonl"])
    with pytest.raises(FileError, match=r"files of stories end in \.jsonl or \.csv"):
        read_corpus([tmp_path / "labels.json"])
    file.write_text("\n\n")
    with pytest.raises(CorpusError, match="no stories"):
        read_corpus([file])


def test_a_label_with_too_few_examples_is_named(small_corpus: Corpus, tmp_path: Path) -> None:
    assert too_few(small_corpus) == []
    corpus = read_corpus([write(tmp_path, *(row(f"s{number}") for number in range(12)))])
    faults = too_few(corpus)
    assert any(fault.startswith("topic 'war': 12 stories have it and 0 do not") for fault in faults)
    assert any(fault.startswith("topic 'sport': 0 stories have it") for fault in faults)
    assert any(fault.startswith("tone 'good': 0 stories") for fault in faults)
