"""The commands, as users type them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import DATASETS, ROOT

SAMPLE = DATASETS / "sample_story.txt"


def run(*words: object, stdin: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_sample_story_is_tagged_with_the_words_that_led_there() -> None:
    said = run("service", "classify", SAMPLE).stdout
    assert "topics    border_clash, diplomacy, casualties" in said
    assert "tone      hostile" in said
    assert "why border_clash: " in said


def test_a_json_story_from_standard_input_gets_the_http_answer() -> None:
    said = json.loads(run("service", "classify", "-", "--json", "--evidence", 2, stdin='{"id": 7, "title": "Talks on truce"}').stdout)
    assert said["id"] == "7"
    assert len(said["evidence"]["tone"]) <= 2


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "neither title nor text"), ('{"text": 1}', "must be text"), ('{"text": "x"', "begins like JSON")],
)
def test_a_story_that_cannot_be_read_is_an_error_in_one_line(text: str, message: str) -> None:
    assert message in run("service", "classify", "-", stdin=text, code=1).stderr


def test_train_evaluate_score_with_topics_only(tmp_path: Path) -> None:
    """The whole way with a scheme of one's own, in CSV, with only one head."""
    lines = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()[::6]]
    (tmp_path / "labels.json").write_text('{"topics": {"dead or hurt": "people harmed"}}')
    stories = [
        {"id": line["id"], "text": line["text"] or line["title"], "topics": ["dead or hurt"] * ("casualties" in line["topics"])}
        for line in lines
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(story) + "\n" for story in stories))
    out = tmp_path / "model"
    trained = run("training", "train", tmp_path, "--out", out, "--test", tmp_path / "mine.jsonl").stdout
    assert "cross validation" in trained
    assert f"written to {out}" in trained
    figures = json.loads(run("training", "evaluate", out, tmp_path / "mine.jsonl", "--json").stdout)
    assert set(figures["labels"]) == {"dead or hurt"}
    assert figures["labels"]["dead or hurt"]["support"] == sum(bool(story["topics"]) for story in stories)
    run("service", "score", tmp_path / "mine.jsonl", tmp_path / "out.jsonl", "--model", out, "--prefix", "p_")
    scored = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert {"p_topics", "p_score_dead or hurt", "p_model"} <= set(scored)
    assert "p_tone" not in scored


def test_train_with_tone_only(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()[::6]]
    (tmp_path / "labels.json").write_text('{"tone": {"hostile": "", "neutral": "", "conciliatory": ""}}')
    (tmp_path / "mine.jsonl").write_text(
        "".join(json.dumps({key: line[key] for key in ("id", "title", "text", "tone")}) + "\n" for line in lines)
    )
    run("training", "train", tmp_path, "--out", tmp_path / "model")
    said = json.loads(run("service", "classify", SAMPLE, "--json", "--model", tmp_path / "model").stdout)
    assert said["topics"] == []
    assert said["scores"]["topics"] == {}
    assert said["tone"] == "hostile"


def test_check_reports_every_fault_and_fails(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text((DATASETS / "labels.json").read_text("utf-8"))
    (tmp_path / "bad.jsonl").write_text('{"id": "a"}\n{broken\n')
    said = run("training", "check", tmp_path, code=1).stderr
    assert "bad.jsonl:1: text: neither title nor text" in said
    assert "bad.jsonl:1: topics: missing" in said
    assert "bad.jsonl:2: not JSON" in said


def test_score_says_in_its_exit_code_that_rows_were_rejected(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Two killed at the border"}\n{}\n')
    said = run("service", "score", tmp_path / "in.jsonl", tmp_path / "out.jsonl", code=3).stderr
    assert "1 story, 1 reject, " in said
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(("source", "head"), [("jsonl", '{"text": "Two killed"'), ("csv", "text,topics,")])
def test_score_reads_and_writes_pipes(source: str, head: str) -> None:
    rows = '{"text": "Two killed"}\n{}\n' if source == "jsonl" else 'text\nTwo killed\n" "\n'
    done = run("service", "score", "-", "-", "--format", source, stdin=rows, code=3)
    assert done.stdout.startswith(head)
    assert len(done.stdout.splitlines()) == (1 if source == "jsonl" else 2)
    reject = json.loads(done.stderr.splitlines()[0])
    assert (reject["file"], reject["line"]) == ("-", 2 if source == "jsonl" else 3)


def test_score_of_a_pipe_that_closes_early_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Two killed at the border"}\n' * 20_000)
    line = f"{sys.executable} -m service score {tmp_path / 'in.jsonl'} - | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=300, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_score_shows_a_bar_with_the_rate_on_a_terminal_only(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Two killed at the border"}\n' * 10_000)
    words = [sys.executable, "-m", "service", "score", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert len(subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stderr.splitlines()) == 1
    ours, theirs = pty.openpty()
    run = subprocess.Popen(words, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    shown = b""
    with suppress(OSError):
        while more := os.read(ours, 4096):
            shown += more
    assert run.wait(timeout=300) == 0
    assert re.search(rb"100%.* 10,000 stories, [\d,]+ stories/s", shown)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("service", "classify", SAMPLE, "--model", "nowhere"), "not a model folder"),
        (("service", "serve", "--model", "nowhere"), "not a model folder"),
        (("training", "evaluate", "nowhere", DATASETS), "not a model folder"),
        (("training", "train", "nowhere", "--out", "x"), "cannot be read"),
    ],
)
def test_wrong_paths_are_errors_in_one_line(words: tuple[object, ...], message: str) -> None:
    assert message in run(*words, code=1).stderr


@pytest.mark.parametrize("room", ["service", "training"])
def test_every_command_is_described_by_help(room: str) -> None:
    said = run(room, "--help").stdout
    commands = {
        "service": ("classify", "score", "serve", "config", "keys"),
        "training": ("check", "train", "evaluate", "compare", "models", "promote", "rollback", "verify"),
    }[room]
    for command in commands:
        assert command in said
        assert "Options:" in run(room, command, "--help").stdout
