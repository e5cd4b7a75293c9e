"""What a command and all processes that come from it take: seconds, processor time, memory; environments for peers. Linux only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from tests.conftest import ROOT

PAUSE = 0.05


class Run(NamedTuple):
    """Seconds by the clock, seconds of processor time, megabytes at the highest of the samples (shared pages divided among processes)."""

    seconds: float
    processor: float
    peak: float = 0.0


def watch(command: list[object], said: IO[bytes] | int = subprocess.DEVNULL) -> Run:
    """Run a command; time it and all that come from it, and this process's other children (a cluster's workers).

    Raises CalledProcessError when it fails.
    """
    words = [str(word) for word in command]
    before = processor_seconds()
    after, peak, begun = dict(before), 0.0, time.perf_counter()
    run = subprocess.Popen(words, cwd=ROOT, stdout=said, stderr=said)
    while run.poll() is None:
        after |= processor_seconds()
        peak = max(peak, sum(megabytes(number) for number in family(run.pid)))
        time.sleep(PAUSE)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, words)
    return Run(time.perf_counter() - begun, sum(after.values()) - sum(before.values()), peak)


def processor_seconds() -> dict[int, float]:
    """Say how much each process that comes from this one has used so far."""
    used, ticks = {}, os.sysconf("SC_CLK_TCK")
    for number in family(os.getpid())[1:]:
        with suppress(OSError):
            words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            used[number] = (int(words[11]) + int(words[12])) / ticks
    return used


def family(parent: int) -> list[int]:
    """List a process and all that come from it, whichever of its threads started them."""
    with suppress(OSError):
        found = [child for thread in Path(f"/proc/{parent}/task").iterdir() for child in (thread / "children").read_text().split()]
        return [parent, *(one for child in found for one in family(int(child)))]
    return [parent]


def megabytes(number: int) -> float:
    """Say how much memory a process holds, shared pages divided among those that share them."""
    return _memory(number, "Pss:")


def private_megabytes(number: int) -> float:
    """Say how much memory a process holds that no other shares."""
    return _memory(number, "Private_Clean:", "Private_Dirty:")


def _memory(number: int, *names: str) -> float:
    with suppress(OSError):
        lines = [line.split() for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()]
        return sum(int(words[1]) for words in lines if words[0] in names) / 1024
    return 0.0


def environment(folder: Path, name: str, packages: tuple[str, ...]) -> Path:
    """Make an environment with these packages, unless it is there; give its folder of programs."""
    programs = folder / name / "bin"
    if not programs.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        try:
            subprocess.run([programs / "pip", "install", "--quiet", *packages], check=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder / name)
            raise
    return programs
