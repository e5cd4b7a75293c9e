"""Seconds and memory of `conflict-training train` with the default search on large corpora, and against scikit-learn's grid search.

usage: python -m tests.benchmarks.scale [--sizes 10000 50000 200000] [--against-grid-search STORIES]

A story is 100 words, drawn from the words of corpus stories that bear the same labels. Prints a Markdown table; memory is the highest of
samples over the command and all its processes. The grid search has the same candidates, folds, tokens and tolerance of the fit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from tests.benchmarks.kernel import pipeline, read_rows
from tests.benchmarks.processes import Run, watch
from tests.conftest import DATASETS
from training.corpus.stories import read_corpus
from training.fitting.fit import Settings
from training.fitting.prepare import prepare
from training.fitting.search import score_path
from training.fitting.split import folds

WORDS, FOLDS, TOLERANCE = 100, 5, 1e-5
PENALTIES, LEASTS = (3.0, 10.0, 30.0, 100.0, 300.0), (2, 3)


def make(count: int, folder: Path, *heads: str) -> Path:
    """Write a corpus of `count` stories, labelled under `heads`, with its scheme beside it; the same ones each time."""
    folder.mkdir()
    scheme = json.loads((DATASETS / "labels.json").read_text("utf-8"))
    (folder / "labels.json").write_text(json.dumps({head: scheme[head] for head in heads}))
    rows, words, generator = read_rows(), defaultdict(list), random.Random(0)
    for row in rows:
        words[(*row["topics"], row["tone"])].extend(f"{row['title']} {row['text']}".split())
    with (folder / "stories.jsonl").open("w", encoding="utf-8") as out:
        for number in range(count):
            row = rows[number % len(rows)]
            text = " ".join(generator.choices(words[(*row["topics"], row["tone"])], k=WORDS))
            out.write(json.dumps({"id": f"s{number}", "text": text, **{head: row[head] for head in heads}}) + "\n")
    return folder


def train(corpus: Path) -> Run:
    log = corpus / "log"
    try:
        with log.open("wb") as said:
            return watch([sys.executable, "-m", "training", "train", corpus, "--out", corpus / "model"], said)
    except subprocess.CalledProcessError:
        sys.exit(log.read_text())


def sizes(space: Path, counts: list[int]) -> None:
    print("| stories | seconds | peak memory, MB | macro F1 of topics, cross-validated |\n|---|---|---|---|")
    for count in counts:
        corpus = make(count, space / str(count), "topics", "tone")
        run = train(corpus)
        figures = json.loads((corpus / "model" / "metrics.json").read_text("utf-8"))["cross_validation"]
        print(f"| {count:,} | {run.seconds:.0f} | {run.peak:,.0f} | {figures['topics_macro_f1']:.3f} |", flush=True)


def against_grid_search(space: Path, count: int) -> None:
    """Score the same candidates by the search of `train` and by scikit-learn's GridSearchCV: topics, words and word pairs alone."""
    corpus = read_corpus([make(count, space / "grid", "topics")], lexicon=Path("none"))
    begun = time.perf_counter()
    paths = [[Settings(C=value, min_df=least, naive_bayes=0.0) for value in PENALTIES] for least in LEASTS]
    prepared, fold_of = prepare(corpus, paths[0][0]), folds(corpus, FOLDS, 0)
    ours = max(max(score_path(prepared, fold_of, path)) for path in paths)
    mine = time.perf_counter() - begun
    peer = pipeline().set_params(tfidfvectorizer__token_pattern=r"[^\W_]+", onevsrestclassifier__estimator__tol=TOLERANCE)
    grid = {"onevsrestclassifier__estimator__C": PENALTIES, "tfidfvectorizer__min_df": LEASTS}
    begun = time.perf_counter()
    search = GridSearchCV(peer, grid, scoring="average_precision", cv=PredefinedSplit(fold_of), n_jobs=os.cpu_count(), refit=False)
    search.fit(corpus.texts, corpus.topics.astype(np.int64))
    theirs = time.perf_counter() - begun
    print(f"\n{len(PENALTIES) * len(LEASTS)} candidates, {count:,} stories: average precision {ours:.4f} in {mine:.1f} s;")
    print(f"GridSearchCV {search.best_score_:.4f} in {theirs:.1f} s: {theirs / mine:.1f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 50_000, 200_000])
    parser.add_argument("--against-grid-search", type=int, metavar="STORIES", default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as space:
        sizes(Path(space), options.sizes)
        if options.against_grid_search:
            against_grid_search(Path(space), options.against_grid_search)


if __name__ == "__main__":
    main()
