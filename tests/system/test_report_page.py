"""Evaluation from the command line, and its report page in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DATASETS
from tests.system.browser import missing, opened
from tests.system.test_command_line import run
from training.train import Trained

FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    """Find Chromium. On the machine that guards the project it must be there."""
    return next(filter(None, map(shutil.which, BROWSERS)), None) or missing("Chromium")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def write_stories(file: Path, attack: str = "") -> None:
    lines = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()[3::40]]
    stories = [
        {**line, "topics": [], "title": attack + line["title"], "text": attack + line["text"], "source": "x" + attack} for line in lines
    ]
    stories[0]["topics"] = ["diplomacy"]
    file.write_text("".join(json.dumps(story) + "\n" for story in stories))


def dom(browser: str, page: Path, profile: Path) -> str:
    command = [browser, *FLAGS.split(), f"--user-data-dir={profile}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_browser_runs_nothing_from_stories_and_asks_for_nothing(
    browser: str, listener: socket.socket, small_model_dir: Path, tmp_path: Path
) -> None:
    port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    attack = f'<script>document.title = "run"</script><img src="{address}/i" onerror="document.title = \'run\'"><link href="{address}/l">'
    write_stories(tmp_path / "in.jsonl", attack)
    page = tmp_path / "report.html"
    run("training", "evaluate", small_model_dir, tmp_path / "in.jsonl", "--report", page)
    assert page.read_text("utf-8").count("onerror") > 10
    shown = dom(browser, page, tmp_path / "profile")
    assert re.search(r"<title>Report: model [0-9a-f-]+</title>", shown)
    assert re.search(r"<output[^>]*>threshold 0\.\d{3}: precision", shown), "the page's own script has not run"
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_slices_leakage_and_a_learning_curve_from_the_command_line(small_model_dir: Path, tmp_path: Path) -> None:
    write_stories(tmp_path / "in.jsonl")
    (tmp_path / "curve.jsonl").write_text('{"stories": 10, "F1": 0.5}\n{"stories": 20, "F1": 0.6}\n')
    words = ("training", "evaluate", small_model_dir, tmp_path / "in.jsonl")
    outputs = ("--report", tmp_path / "out.html", "--learning-curve", tmp_path / "curve.jsonl")
    done = run(*words, "--by", "form", "--by", "year", "--train", DATASETS, *outputs, "--json")
    figures = json.loads(done.stdout)
    assert set(figures["slices"]) == {"form", "year"}
    assert figures["leakage"]["stories"] == figures["stories"]
    assert "is not the one that model" in done.stderr
    assert '<h2 id="learning">Learning curve</h2>' in (tmp_path / "out.html").read_text("utf-8")
    assert "near-duplicate (1.00)" in run(*words, "--train", DATASETS, "--strict", code=1).stderr
    assert "--strict needs --train" in run(*words, "--strict", code=2).stderr
    assert "column 'nothing'" in run(*words, "--by", "nothing", code=1).stderr
    assert "cannot be written" in run(*words, "--report", tmp_path / "no" / "r.html", code=1).stderr


def test_training_refuses_a_test_set_that_it_learns_from(tmp_path: Path) -> None:
    write_stories(tmp_path / "in.jsonl")
    said = run("training", "train", DATASETS, "--out", tmp_path / "m", "--test", tmp_path / "in.jsonl", "--strict", code=1).stderr
    assert "in the training corpus" in said
    assert not (tmp_path / "m").exists()


def test_on_a_phone_nothing_but_wide_tables_is_cut_off(browser: str, small_trained: Trained, tmp_path: Path) -> None:
    assert browser
    small_trained.write(tmp_path / "model")
    with opened(tmp_path) as page:
        page.size(390)
        page.open((tmp_path / "model" / "report.html").as_uri())
        assert page.run("return document.documentElement.scrollWidth") == 390
        ends = page.run("return [...document.querySelectorAll('caption, p, h2, h3, svg')].map(part => part.getBoundingClientRect().right)")
        assert max(ends) <= 390
