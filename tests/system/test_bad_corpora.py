"""Corpora that teach little or nothing: each is a clear error or a sensible model, and never a stack trace."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATASETS, ROOT
from tests.system.test_command_line import run

Story = dict[str, Any]
SCHEME = {"topics": {"hurt": "people harmed", "talks": "they talk"}}
FIXED = {"C": 10.0, "naive_bayes": 0.3, "balanced": False, "min_df": 2, "class_factor": 1.0}


def stories(count: int) -> list[Story]:
    """Take corpus stories, spread over it, under a scheme of two topics."""
    rows = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()]
    names = {"casualties": "hurt", "diplomacy": "talks"}
    chosen = rows[:: len(rows) // count][:count]
    return [
        {"id": row["id"], "text": row["text"] or row["title"], "topics": [names[topic] for topic in row["topics"] if topic in names]}
        for row in chosen
    ]


def corpus(folder: Path, rows: Iterable[Story], settings: dict[str, Any] | None = FIXED) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "labels.json").write_text(json.dumps(SCHEME))
    if settings is not None:
        (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "stories.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def relabelled(rows: list[Story], topics: list[list[str]]) -> list[Story]:
    return [{**row, "topics": given} for row, given in zip(rows, topics, strict=True)]


def all_equal() -> list[Story]:
    return [{"id": str(number), "text": "Talks went on at the border.", "topics": ["hurt", "talks"][: number % 3]} for number in range(200)]


def nearly_equal_with_a_label() -> list[Story]:
    rows = relabelled(stories(80), [["talks"] * (number % 2) for number in range(80)])
    text = "The ferry sank in the storm off the northern cape and all of those on board were lost, said the harbour master on day"
    return [*rows, *({"id": f"x{number}", "text": f"{text} {number}", "topics": ["hurt"]} for number in range(20))]


BAD = {
    "two examples": (
        lambda: relabelled(stories(80), [["hurt"] * (number < 2) + ["talks"] * (number % 2) for number in range(80)]),
        "'hurt': 2",
    ),
    "one class only": (lambda: relabelled(stories(80), [["hurt", "talks"]] * 80), "80 stories have it and 0 do not"),
    "equal texts": (all_equal, "too few to hold some out"),
    "near-duplicates bear the label": (
        nearly_equal_with_a_label,
        "label 'hurt': the stories with it, or those without it, are all near-dup",
    ),
    "no story": (list, "no stor"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_learnt_is_named_and_no_model_is_written(name: str, tmp_path: Path) -> None:
    make, message = BAD[name]
    said = run("training", "train", corpus(tmp_path / "corpus", make()), "--out", tmp_path / "model", code=1).stderr
    assert message in said
    assert not (tmp_path / "model").exists()


RUSSIAN = ("погибли", "ранены", "убиты", "переговоры", "встреча", "министр", "граница", "город", "сегодня", "вчера")
ARABIC = ("قتل", "جرح", "قصف", "محادثات", "لقاء", "وزير", "حدود", "مدينة", "اليوم", "أمس")
GREEK = ("νεκροί", "τραυματίες", "σκοτώθηκαν", "συνομιλίες", "συνάντηση", "υπουργός", "σύνορα", "πόλη", "σήμερα", "χθες")


@pytest.mark.parametrize("words", [RUSSIAN, ARABIC, GREEK], ids=["Russian", "Arabic", "Greek"])
def test_another_language_and_script_is_learnt_like_any(words: tuple[str, ...], tmp_path: Path) -> None:
    generator, rows = random.Random(1), []
    for number in range(120):
        topics = ["hurt"] * (number % 2) + ["talks"] * (number % 3 == 0)
        text = [*generator.choices(words[6:], k=12), *(words[0:3] if "hurt" in topics else ()), *(words[3:6] if "talks" in topics else ())]
        generator.shuffle(text)
        rows.append({"id": str(number), "text": " ".join(text), "topics": topics})
    run("training", "train", corpus(tmp_path / "corpus", rows), "--out", tmp_path / "model")
    said = json.loads(
        run("service", "classify", "-", "--json", "--model", tmp_path / "model", stdin=" ".join(words[:3] + words[6:])).stdout
    )
    assert said["topics"] == ["hurt"]


def test_a_story_of_a_million_words_is_learnt_and_tagged(tmp_path: Path) -> None:
    rows = stories(80)
    rows[0]["text"] = (rows[0]["text"] + " ") * (1_000_000 // len(rows[0]["text"].split()))
    run("training", "train", corpus(tmp_path / "corpus", rows), "--out", tmp_path / "model")
    run("service", "classify", "-", "--model", tmp_path / "model", stdin=rows[0]["text"])


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def begin(folder: Path, out: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "training", "train", str(folder), "--out", str(out)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)


def test_a_search_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """The log of what was tried grows from kill to kill, and a line cut short is passed over."""
    settings = {key: value for key, value in FIXED.items() if key not in ("C", "naive_bayes")}
    folder, tried = corpus(tmp_path / "corpus", stories(150), settings), tmp_path / ".killed.search.jsonl"
    for kills in range(1, 3):
        process = begin(folder, tmp_path / "killed", tmp_path / "output")
        while process.poll() is None and (not tried.exists() or len(tried.read_bytes().splitlines()) < 5 * kills):
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert tried.exists(), (tmp_path / "output").read_text()
        assert not (tmp_path / "killed").exists()
        with tried.open("ab") as file:
            file.write(b'{"corpus": "cut')
    run("training", "train", folder, "--out", tmp_path / "killed")
    run("training", "train", folder, "--out", tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert not tried.exists()


def test_an_interrupted_training_says_so_in_a_word_and_writes_no_model(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "corpus", stories(300), None)
    process = begin(folder, tmp_path / "model", tmp_path / "output")
    while process.poll() is None and not (tmp_path / ".model.search.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    said = (tmp_path / "output").read_text()
    assert re.search("(?i)interrupted|aborted", said)
    assert "Traceback" not in said
    assert not (tmp_path / "model").exists()
