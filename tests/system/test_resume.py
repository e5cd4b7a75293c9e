"""Runs that are killed, interrupted, or run out of disk: nothing half-written passes for whole, and the same command goes on."""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from service.batch import tagging
from service.batch.job import Options
from service.batch.journal import NAME, parts_folder
from service.batch.score import How, Summary, score_files
from service.batch.sources import rejects_path
from service.errors import FileError
from tests.conftest import ROOT

ROWS = 40_000
KILLS = 5
PATIENCE = 120


@pytest.fixture(scope="module")
def source(shipped_corpus: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write some tens of thousands of short rows, each known by its number, one in a thousand not usable."""
    path = tmp_path_factory.mktemp("resume") / "in.jsonl"
    texts = [row.story.joined[:150] for row in shipped_corpus.rows]
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            text = 5 if number % 1000 == 7 else texts[number % len(texts)]
            file.write(json.dumps({"n": number, "text": text}) + "\n")
    return path


@pytest.fixture(scope="module")
def whole(source: Path, small_model_dir: Path) -> Path:
    output = source.with_name("whole.csv")
    score_files([str(source)], str(output), model=small_model_dir, how=How(processes=1))
    return output


@pytest.fixture
def command(source: Path, small_model_dir: Path, tmp_path: Path) -> list[str]:
    words = ["score", source, tmp_path / "out.csv", "--model", small_model_dir, "--processes", 2]
    return [sys.executable, "-m", "service", *map(str, words)]


def begin(command: list[str], **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **more)


def wait_until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def parts(output: Path) -> int:
    return len(list(parts_folder(output).glob("*.part")))


def children(parent: int) -> list[int]:
    """List all processes that come from one, by /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found += [int(status.parent.name), *children(int(status.parent.name))]
    return found


def is_alive(number: int) -> bool:
    """Say whether a process is at work; one that is dead and only not yet waited for is not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killed_at_random_moments_and_given_again_the_command_gives_the_same_bytes(command: list[str], whole: Path, tmp_path: Path) -> None:
    output, generator, seen = tmp_path / "out.csv", random.Random(), [0]
    for _ in range(KILLS):
        run = begin(command)
        wait_until(lambda run=run: parts(output) > seen[-1] or run.poll() is not None)
        time.sleep(generator.uniform(0, 0.15))
        workers = children(run.pid)
        run.kill()
        run.communicate()
        wait_until(lambda workers=workers: not any(map(is_alive, workers)))
        if run.returncode != -signal.SIGKILL or output.exists():  # it was done, and perhaps killed while it tidied up
            break
        seen.append(parts(output))
    assert len(seen) > 1
    assert seen == sorted(seen)
    last = begin(command)
    assert f"{ROWS - ROWS // 1000} stories" in last.communicate()[1]
    assert last.returncode == 3
    assert output.read_bytes() == whole.read_bytes()
    assert rejects_path(output).read_bytes() == rejects_path(whole).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "out.csv.rejects.jsonl"}


def test_no_row_is_lost_or_doubled(whole: Path) -> None:
    with whole.open(encoding="utf-8", newline="") as file:
        numbers = [int(row["n"]) for row in csv.DictReader(file)]
    rejected = [json.loads(line)["line"] - 1 for line in rejects_path(whole).read_text().splitlines()]
    assert rejected == list(range(7, ROWS, 1000))
    assert numbers == sorted(set(range(ROWS)) - set(rejected))


def test_ctrl_c_ends_a_run_in_one_line_and_the_same_command_goes_on(command: list[str], whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    run = begin(command, start_new_session=True)
    wait_until(lambda: parts(output))
    os.killpg(run.pid, signal.SIGINT)
    said = run.communicate(timeout=PATIENCE)[1]
    assert run.returncode == 130
    assert said == "interrupted; the same command goes on where this stopped\n"
    assert not output.exists()
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert output.read_bytes() == whole.read_bytes()


def test_a_killed_worker_ends_the_run_with_advice_and_the_same_command_goes_on(command: list[str], whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    run = begin(command)
    wait_until(lambda: parts(output))
    os.kill(children(run.pid)[-1], signal.SIGKILL)
    said = run.communicate(timeout=PATIENCE)[1]
    if run.returncode == 1:
        assert "a process of this run was killed" in said
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert output.read_bytes() == whole.read_bytes()


class Small:
    """A job of ten chunks in this process, which can be stopped after some of them."""

    def __init__(self, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.batch.chunks.CHUNK_ROWS", 2)
        self.model, self.folder, self.monkeypatch = model, folder, monkeypatch
        self.source, self.output = folder / "in.jsonl", folder / "out.jsonl"
        self.write(range(20))

    def write(self, numbers: Any) -> None:
        self.source.write_text("".join(json.dumps({"n": number, "text": "Two killed at the border"}) + "\n" for number in numbers))

    def score(self, *, restart: bool = False, **options: Any) -> Summary:
        how, given = How(processes=1, restart=restart), Options(**options)
        return score_files([str(self.source)], str(self.output), model=self.model, options=given, how=how)

    def stop_after(self, chunks: int, error: BaseException) -> None:
        """Begin a run and let storing a part fail once so many are stored."""
        calls = iter(range(chunks))
        store = tagging.store

        def failing(path: Path, data: bytes) -> None:
            if next(calls, None) is None:
                raise error
            store(path, data)

        with self.monkeypatch.context() as patch:
            patch.setattr(tagging, "store", failing)
            with pytest.raises(type(error)):
                self.score()

    def numbers(self) -> list[int]:
        return [json.loads(line)["n"] for line in self.output.read_text().splitlines()]


@pytest.fixture
def small(small_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    job = Small(small_model_dir, tmp_path, monkeypatch)
    job.stop_after(4, KeyboardInterrupt())
    return job


def test_what_is_done_is_not_done_again(small: Small) -> None:
    assert small.score().earlier == 8
    assert small.numbers() == list(range(20))


@pytest.mark.parametrize("where", ["head", "tail"])
def test_a_changed_input_is_noticed_and_refused(small: Small, where: str) -> None:
    small.write([99, *range(1, 20)] if where == "head" else [*range(19), 99])
    with pytest.raises(FileError, match=r"this has changed: the input \(.*in\.jsonl\).*--restart"):
        small.score()
    assert not small.output.exists()
    small.score(restart=True)
    assert small.numbers() == [json.loads(line)["n"] for line in small.source.read_text().splitlines()]


def test_a_changed_input_of_the_same_size_and_time_is_noticed_where_rows_of_it_are_done(small: Small) -> None:
    found = small.source.stat()
    small.write([99, *range(1, 10), 0, *range(11, 20)])
    os.utime(small.source, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert small.source.stat().st_size == found.st_size
    with pytest.raises(FileError, match=r"this has changed: .*in\.jsonl from line 1 on"):
        small.score()


@pytest.mark.parametrize("options", [{"prefix": "p_"}, {"kept": ("n",)}, {"title": "headline"}])
def test_a_changed_option_is_noticed_and_refused(small: Small, options: dict[str, Any]) -> None:
    with pytest.raises(FileError, match="this has changed: the columns or the prefix"):
        small.score(**options)
    assert small.score(restart=True, **options).stories == 20


def test_a_changed_model_is_noticed_and_refused(small: Small, rival_dir: Path) -> None:
    small.model = rival_dir
    with pytest.raises(FileError, match=r"this has changed: the model\."):
        small.score()


def test_a_line_of_the_journal_cut_short_and_a_part_that_is_gone_cost_only_their_chunks(small: Small) -> None:
    folder = parts_folder(small.output)
    (folder / "00000001.part").unlink()
    (folder / "00000002.part").write_bytes(b"half")
    journal = folder / NAME
    journal.write_bytes(journal.read_bytes()[:-20])
    assert small.score().earlier == 2
    assert small.numbers() == list(range(20))


def test_two_runs_into_one_file_do_not_meet(small: Small) -> None:
    with (parts_folder(small.output) / NAME).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FileError, match="another run is at work here"):
            small.score(restart=True)
    assert small.score().earlier == 8


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of two megabytes; skip where that is not allowed (the next test then stands alone)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_with_advice_and_with_room_the_same_command_goes_on(
    source: Path, whole: Path, small_model_dir: Path, full_disk: Path
) -> None:
    output = full_disk / "out.csv"
    words = [sys.executable, "-m", "service", "score", source, output, "--model", small_model_dir, "--processes", "2"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device; the same command goes on from here" in done.stderr
    assert not output.exists()
    assert parts(output) > 1
    subprocess.run(["mount", "-o", "remount,size=64m", full_disk], check=True)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "of them before" in done.stderr
    assert output.read_bytes() == whole.read_bytes()


def test_a_disk_that_fills_up_while_parts_are_joined_leaves_them_for_the_next_run(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(part: Path, file: Any) -> None:
        file.write(part.read_bytes()[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("service.batch.output.append", full)
        with pytest.raises(FileError, match="No space left on device; the same command goes on"):
            small.score()
    assert not small.output.exists()
    assert small.score().earlier == 20
    assert small.numbers() == list(range(20))
