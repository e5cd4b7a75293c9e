"""Seconds and memory of `conflict-training train` with the default search on large corpora, and against scikit-learn's grid search.

usage: python tests/benchmarks/scale.py [--sizes 10000 50000 200000] [--against-grid-search STORIES]

Stories of 100 words are made by shuffling the words of corpus stories that bear the same labels. Prints a Markdown table; memory is the
peak of the command and its processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from tests.conftest import DATASETS

WORDS, MEGABYTE = 100, 1 << 20
GRID = {"C": (3.0, 10.0, 30.0, 100.0, 300.0), "min_df": (2, 3)}


def make(stories: int, file: Path) -> None:
    """Write `stories` labelled stories; the same ones each time."""
    rows = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()]
    words = defaultdict(list)
    for row in rows:
        words[(*row["topics"], row["tone"])].extend(f"{row.get('title', '')} {row['text']}".split())
    generator = random.Random(0)
    with file.open("w", encoding="utf-8") as out:
        for number in range(stories):
            row = rows[number % len(rows)]
            text = " ".join(generator.choices(words[(*row["topics"], row["tone"])], k=WORDS))
            out.write(json.dumps({"id": f"s{number}", "text": text, "topics": row["topics"], "tone": row["tone"]}) + "\n")


def resident(pid: int) -> int:
    """Give the bytes that a process and all its descendants hold together, shared pages divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return 0
    own = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return own + sum(map(resident, children))


def train(file: Path, out: Path) -> tuple[float, int]:
    """Train by the command; give seconds and the peak of memory in bytes."""
    begun, peak, ended = time.perf_counter(), [0], threading.Event()
    with (out.parent / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "training", "train", file, "--out", out, "--labels", DATASETS / "labels.json"]
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def watch() -> None:
        while not ended.wait(0.5):
            peak[0] = max(peak[0], resident(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        sys.exit((out.parent / "log.txt").read_text())
    return time.perf_counter() - begun, peak[0]


def sizes(folder: Path, counts: list[int]) -> None:
    print("| stories | seconds | peak memory, MB | macro F1 of topics, cross-validated |\n|---|---|---|---|")
    for count in counts:
        file = folder / f"{count}.jsonl"
        make(count, file)
        seconds, peak = train(file, folder / "model")
        figures = json.loads((folder / "model" / "metrics.json").read_text("utf-8"))["cross_validation"]
        print(f"| {count:,} | {seconds:.0f} | {peak / MEGABYTE:,.0f} | {figures['topics_macro_f1']:.3f} |", flush=True)


def against_grid_search(folder: Path, stories: int) -> None:
    """Search the same candidates for the same label by scikit-learn's GridSearchCV and by the search of `train`."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    from training.corpus.stories import read_corpus
    from training.fitting.fit import Settings
    from training.fitting.prepare import prepare
    from training.fitting.search import score_path
    from training.fitting.split import folds

    file = folder / "grid.jsonl"
    make(stories, file)
    file.write_text("".join(f"{json.dumps({**json.loads(line), 'tone': None})}\n" for line in file.read_text("utf-8").splitlines()))
    scheme = {**json.loads((DATASETS / "labels.json").read_text("utf-8")), "tone": {}}
    (folder / "labels.json").write_text(json.dumps(scheme))
    (folder / "lexicon.txt").write_text("")
    corpus = read_corpus([file], folder / "labels.json", lexicon=Path("none"))
    begun = time.perf_counter()
    paths = [[Settings(C=value, min_df=least, naive_bayes=0.0) for value in GRID["C"]] for least in GRID["min_df"]]
    prepared, fold_of = prepare(corpus, paths[0][0]), folds(corpus, 5, 0)
    ours = max(max(score_path(prepared, fold_of, path)) for path in paths)
    mine = time.perf_counter() - begun
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[^\W_]+", strip_accents="unicode"),
        OneVsRestClassifier(LogisticRegression(max_iter=1000, tol=1e-5)),
    )
    grid = {"onevsrestclassifier__estimator__C": GRID["C"], "tfidfvectorizer__min_df": GRID["min_df"]}
    split = PredefinedSplit(fold_of)
    begun = time.perf_counter()
    search = GridSearchCV(pipeline, grid, scoring="average_precision", cv=split, n_jobs=os.cpu_count(), refit=False)
    search.fit(corpus.texts, corpus.topics.astype(np.int64))
    theirs = time.perf_counter() - begun
    print(f"\n{len(GRID['C']) * len(GRID['min_df'])} candidates, {stories:,} stories, average precision {ours:.4f} in {mine:.1f} s;")
    print(f"GridSearchCV {search.best_score_:.4f} in {theirs:.1f} s: {theirs / mine:.1f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 50_000, 200_000])
    parser.add_argument("--against-grid-search", type=int, metavar="STORIES", default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes(Path(folder), options.sizes)
        if options.against_grid_search:
            against_grid_search(Path(folder), options.against_grid_search)


if __name__ == "__main__":
    main()
