"""Promotion, the way back and verification as real processes; and what is left when they are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from service.model.artifact import read
from service.model.current import current_name
from tests.conftest import ROOT, write_corpus
from tests.system.server import Server
from training.corpus.stories import Corpus
from training.fitting.fit import Settings
from training.registry.history import HISTORY, read_history, standing

KILLED = -9


@pytest.fixture
def models(tmp_path: Path, small_model_dir: Path, rival_dir: Path, misled_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a models folder with a good model as default, one as good, and a misled one; all commands use it."""
    folder = tmp_path / "models"
    for name, source in (("default", small_model_dir), ("rival", rival_dir), ("misled", misled_dir)):
        shutil.copytree(source, folder / name)
    monkeypatch.setenv("CONFLICT_MODELS", str(folder))
    return folder


def run(*words: object, code: int = 0, stdin: str | None = None) -> str:
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def answering() -> str:
    name: str = json.loads(run("service", "classify", "-", "--json", stdin="Two soldiers killed at the border"))["model"]
    return name


def test_what_is_promoted_answers_until_it_is_rolled_back(models: Path, small_corpus_dir: Path) -> None:
    names = {folder: read(models / folder).name for folder in ("default", "rival")}
    assert answering() == names["default"]
    assert "--on FILE" in run("training", "promote", models / "rival", code=1)
    assert "--on" in run("training", "promote", models / "rival", small_corpus_dir, code=2)
    assert "needs a reason" in run("training", "promote", models / "rival", "--force", " ", code=2)
    assert "significantly worse" in run("training", "promote", models / "misled", "--on", small_corpus_dir / "stories.jsonl", code=1)
    said = run("training", "promote", models / "rival", "--on", small_corpus_dir / "stories.jsonl")
    assert "McNemar p" in said
    assert "CONFLICT_MODELS" not in said
    assert answering() == names["rival"]
    with Server([sys.executable, "-m", "service"], cwd=ROOT) as server:
        assert server.post({"text": "Two killed"})["model"] == names["rival"]
    assert "* rival" in run("training", "models")
    assert f"-> default ({names['default']})" in run("training", "rollback")
    assert answering() == names["default"]
    said = json.loads(run("training", "models", models, "--json"))
    assert [model["folder"] for model in said["models"]] == ["default", "misled", "rival"]
    assert [line["action"] for line in said["history"]] == ["promote", "rollback"]
    assert "nothing to roll back" in run("training", "rollback", code=1)


def test_a_promotion_elsewhere_tells_how_the_service_finds_it(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFLICT_MODELS")
    assert "does not lie in the models folder" in run("training", "promote", models / "rival", "--force", "x", code=1)
    assert f"CONFLICT_MODELS={models}" in run("training", "promote", models / "rival", "--force", "x", "--models", models)
    assert "* rival" in run("training", "models", models)


def test_a_current_model_that_is_gone_is_an_error_that_says_what_to_do(models: Path, tmp_path: Path) -> None:
    run("training", "promote", models / "rival", "--force", "x")
    shutil.rmtree(models / "rival")
    (tmp_path / "a.jsonl").write_text('{"text": "Talks"}\n')
    for words in (("classify", "-"), ("serve",), ("score", tmp_path / "a.jsonl", tmp_path / "b.jsonl")):
        said = run("service", *words, code=1, stdin="x")
        assert "names 'rival' as the current model" in said
        assert "conflict-training rollback" in said
    run("training", "rollback")
    assert answering() == read(models / "default").name


def test_compare_prints_figures_flips_and_terms(models: Path, small_corpus_dir: Path) -> None:
    words = ("training", "compare", models / "default", models / "misled", small_corpus_dir)
    said = run(*words, "--flips", 3)
    for shown in ("stories/s", "MB", "McNemar p", "worse", "3 shown, losses first", "terms that moved most", "caution"):
        assert shown in said
    found = json.loads(run(*words, "--json"))
    assert found["labels"]["hostile"]["losses"] > found["labels"]["hostile"]["gains"]


def test_shuffled_rows_in_other_files_make_the_same_bytes_and_verify_says_so(
    models: Path, small_corpus: Corpus, small_corpus_dir: Path, tmp_path: Path
) -> None:
    rows = list(small_corpus.rows)
    random.Random(4).shuffle(rows)
    write_corpus(tmp_path / "split", {"a.jsonl": rows[:100], "b.jsonl": rows[100:]})
    (tmp_path / "settings.json").write_text(json.dumps(asdict(Settings())))
    run("training", "train", tmp_path / "split", "--out", tmp_path / "again", "--settings", tmp_path / "settings.json")
    for file in (models / "default").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    before = sorted((models / "default").iterdir())
    for corpus in ([small_corpus_dir], [tmp_path / "split"], [tmp_path / "split" / "b.jsonl", tmp_path / "split" / "a.jsonl"]):
        assert "every file is the same to the byte" in run("training", "verify", models / "default", "--retrain", *corpus)
    assert sorted((models / "default").iterdir()) == before
    half = tmp_path / "split" / "b.jsonl"
    assert f"made with {small_corpus.fingerprint}" in run("training", "verify", models / "default", "--retrain", half, code=1)


def test_verify_finds_changed_files_and_other_weights(models: Path, small_corpus_dir: Path) -> None:
    assert "self-test passed" in run("training", "verify", models / "rival")
    assert "--retrain" in run("training", "verify", models / "rival", small_corpus_dir, code=2)
    manifest = json.loads((models / "rival" / "manifest.json").read_bytes())
    manifest["settings"]["C"] = 10.0
    (models / "rival" / "manifest.json").write_text(json.dumps(manifest))
    said = run("training", "verify", models / "rival", "--retrain", small_corpus_dir, code=1)
    assert "model.safetensors: other bytes" in said
    (models / "rival" / "terms.txt").write_text("gone\n")
    assert "changed or cut" in run("training", "verify", models / "rival", code=1)


def next_command(models: Path) -> list[str]:
    """Promote when default is current, else roll back."""
    words = ["promote", str(models / "rival"), "--force", "a drill"] if current_name(models) == "default" else ["rollback"]
    return [sys.executable, "-m", "training", *words]


def assert_valid(models: Path) -> None:
    """The pointer names a whole model, and the history tells how it became current and where the way back leads."""
    current = current_name(models)
    assert current in ("default", "rival")
    read(models / current)
    moves, unreadable = read_history(models, current)
    assert unreadable == 0
    assert not [move for move in moves if move.action not in ("promote", "rollback")]
    assert [move.target.folder for move in standing(moves)] == (["rival"] if current == "rival" else [])


def kill_after(command: list[str], seconds: float) -> int:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


def test_commands_killed_at_random_moments_leave_a_valid_state(models: Path) -> None:
    start = time.monotonic()
    subprocess.run(next_command(models), cwd=ROOT, check=True, capture_output=True)
    duration = time.monotonic() - start
    chance, codes = random.Random(11), []
    while codes.count(KILLED) < 10 and len(codes) < 20:
        codes.append(kill_after(next_command(models), chance.uniform(0.1, 0.9) * duration))
        assert_valid(models)
    assert codes.count(KILLED) >= 5
    while current_name(models) != "default":
        run("training", "rollback")
    run("training", "promote", models / "rival", "--force", "after it all")
    assert answering() == read(models / "rival").name


LOOP = """
import sys
from pathlib import Path
from service.model.current import current_name
from training.registry.models import check_promotion, promote, rollback
models = Path(sys.argv[1])
while True:
    if current_name(models) == "default":
        promote(check_promotion(models, models / "rival", [], "a drill"))
    else:
        rollback(models)
    print("moved", flush=True)
"""


def test_a_process_that_does_nothing_else_can_be_killed_and_read_at_any_moment(models: Path) -> None:
    chance = random.Random(12)
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", LOOP, str(models)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"moved\n"
        end = time.monotonic() + chance.uniform(0.05, 0.3)
        while time.monotonic() < end:
            assert current_name(models) in ("default", "rival")
        process.kill()
        process.communicate()
        assert_valid(models)
    assert len((models / HISTORY).read_bytes().splitlines()) > 10


SUICIDE = """
import os, signal, sys
from pathlib import Path
from training.registry.models import check_promotion, promote, rollback
models, left = Path(sys.argv[1]), int(sys.argv[2])
def counted(call):
    def run(*args):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args)
    return run
ready = check_promotion(models, models / "rival", [], "a drill") if sys.argv[3] == "promote" else None
os.write, os.fsync, os.open, Path.replace = map(counted, (os.write, os.fsync, os.open, Path.replace))
promote(ready) if ready else rollback(models)
"""


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_killed_between_any_two_calls_to_the_system_the_state_is_that_before_or_that_after(models: Path, action: str) -> None:
    if action == "rollback":
        run("training", "promote", models / "rival", "--force", "x")
    before, after = ("default", "rival") if action == "promote" else ("rival", "default")
    seen = []
    for calls in range(20):
        done = subprocess.run([sys.executable, "-c", SUICIDE, str(models), str(calls), action], cwd=ROOT, check=False)
        assert_valid(models)
        seen.append(current_name(models))
        if seen[-1] == after:
            break
    assert done.returncode in (0, KILLED)
    assert seen == [before] * (len(seen) - 1) + [after]
    assert len(seen) >= 5
    moves = read_history(models, after)[0]
    assert moves[-1].done
    assert os.path.exists(models / HISTORY)
