"""How fast files are scored, and in how much memory: one and two processes, a Dask cluster of one and two workers, the kernel alone.

usage: python -m tests.benchmarks.batch [--stories 100000] [--runs 3] [--dask]

Short stories of 35 words, whole sentences of the shipped corpus drawn anew. Whole commands are timed, with their start; each figure is the
best of the runs. Memory is the proportional set size of all processes of a run, sampled every 50 ms, and shown for a quarter of the stories
too: it must not follow their number. Seconds of processor time, of all processes together, stay meaningful on a machine that others use.
Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import service
from tests.benchmarks.kernel import make_stories, read_rows
from tests.benchmarks.processes import Run, watch


def write_stories(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts)), "utf-8")
    return path


def score(source: Path, *words: object) -> Run:
    return watch([sys.executable, "-m", "service", "score", source, source.with_suffix(".out.jsonl"), *words])


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
