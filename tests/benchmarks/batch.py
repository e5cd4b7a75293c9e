"""How fast files are scored, and in how much memory: one and two processes, a Dask cluster of one and two workers, the kernel alone.

usage: python tests/benchmarks/batch.py [--stories 100000] [--runs 3] [--dask]

Short stories of 35 words, whole sentences of the shipped corpus drawn anew. Whole commands are timed, with their start; each figure is the
best of the runs. Memory is the proportional set size of all processes of a run, sampled every 50 ms, and shown for a quarter of the stories
too: it must not follow their number. Seconds of processor time, of all processes together, stay meaningful on a machine that others use.
Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from kernel import make_stories, read_rows

import service

ROOT = Path(__file__).parent.parent.parent


def write_stories(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts)), "utf-8")
    return path


class Run(NamedTuple):
    seconds: float
    processor: float
    peak: float = 0.0


def score(source: Path, *words: object) -> Run:
    """Run the command; time it and all that come from it, and this process's other children (a cluster's workers)."""
    command = [sys.executable, "-m", "service", "score", source, source.with_suffix(".out.jsonl"), *words]
    before = processor_seconds()
    after, peak, begun = dict(before), 0.0, time.perf_counter()
    run = subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while run.poll() is None:
        after |= processor_seconds()
        peak = max(peak, sum(megabytes(number) for number in family(run.pid)))
        time.sleep(0.05)
    assert run.returncode == 0
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
    with suppress(OSError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def report(name: str, stories: int, runs: list[Run]) -> None:
    best = Run(min(run.seconds for run in runs), min(run.processor for run in runs), max(run.peak for run in runs))
    rates = f"{stories / best.seconds:12,.0f} stories/s{stories / best.processor:12,.0f} per s of processor"
    print(f"  {name:34}{rates}{best.seconds:8.1f} s" + (f"{best.peak:8,.0f} MB at most" if best.peak else ""))


def kernel_alone(texts: list[str], runs: int) -> None:
    tagger, times = service.load(), []
    for _ in range(runs + 1):
        begun, used = time.perf_counter(), time.process_time()
        for start in range(0, len(texts), 2000):
            tagger.score(texts[start : start + 2000])
        times.append(Run(time.perf_counter() - begun, time.process_time() - used))
    report("kernel alone, one core", len(texts), times[1:])


def on_dask(source: Path, stories: int, runs: int) -> None:
    from distributed import LocalCluster

    for workers in (1, 2):
        with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1") as cluster:
            times = [score(source, "--dask", cluster.scheduler_address) for _ in range(runs + 1)][1:]
            report(f"Dask, {workers} worker{'s' * (workers > 1)} (memory: client)", stories, times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dask", action="store_true")
    options = parser.parse_args()
    texts = make_stories(read_rows(), 35, options.stories)
    print(f"{options.stories} stories of 35 words, best of {options.runs} runs, load of the machine {os.getloadavg()[0]:.1f}")
    kernel_alone(texts, options.runs)
    with tempfile.TemporaryDirectory() as space:
        quarter = write_stories(Path(space) / "quarter.jsonl", texts[: options.stories // 4])
        whole = write_stories(Path(space) / "whole.jsonl", texts)
        for processes in (1, 2):
            for source, count in ((quarter, options.stories // 4), (whole, options.stories)):
                name = f"{count} stories, {processes} process{'es' * (processes > 1)}"
                report(name, count, [score(source, "--processes", processes) for _ in range(options.runs)])
        if options.dask:
            on_dask(whole, options.stories, options.runs)


if __name__ == "__main__":
    main()
