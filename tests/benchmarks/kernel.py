"""How fast the served scorer is, as ratios to scikit-learn's pipeline, to fastText and to plain reading, side by side in one process.

usage: python tests/benchmarks/kernel.py [--runs 5] [--stories 2000] [--fasttext]

Long stories have 440 words, short ones 35: whole sentences of the shipped corpus, drawn anew for each. Each figure is the median of the
runs; the peers take turns. One core: pin the process with `taskset -c 0`, two for the threads. `--fasttext` trains a supervised fastText
model on the same corpus (`pip install fasttext`), wordNgrams 2.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

import service
from service.model.tagger import Tagger

DATASETS = Path(__file__).parent.parent.parent / "datasets"
Work = Callable[[], object]


def read_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()]


def make_stories(rows: Sequence[dict[str, Any]], words: int, count: int) -> list[str]:
    generator = random.Random(words)
    sentences = [sentence for row in rows for sentence in row["text"].replace("\n", " ").split(". ") if sentence]
    return [make_story(sentences, words, generator) for _ in range(count)]


def make_story(sentences: Sequence[str], words: int, generator: random.Random) -> str:
    taken: list[str] = []
    while len(taken) < words:
        taken += (generator.choice(sentences) + ".").split()
    return " ".join(taken[:words])


def median_seconds(works: dict[str, Work], runs: int) -> dict[str, float]:
    """Time each piece of work in turns; give medians."""
    for work in works.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def fit_pipeline(rows: Sequence[dict[str, Any]]) -> Any:
    """Fit what most would write: TF-IDF of words and word pairs, a logistic regression per label."""
    texts = [f"{row['title']}\n\n{row['text']}" for row in rows]
    labels = ["border_clash", "diplomacy", "casualties", "hostile", "neutral", "conciliatory"]
    targets = np.array([[label in (*row["topics"], row["tone"]) for label in labels] for row in rows], int)
    return pipeline().fit(texts, targets)


def pipeline() -> Any:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, strip_accents="unicode")
    return make_pipeline(vectorizer, OneVsRestClassifier(LogisticRegression(C=30, max_iter=1000)))


def fit_fasttext(rows: Sequence[dict[str, Any]]) -> Any:
    import fasttext

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for row in rows:
            labels = " ".join(f"__label__{label}" for label in (*row["topics"], row["tone"]))
            file.write(f"{labels} {' '.join((row['title'] + ' ' + row['text']).split())}\n")
        file.flush()
        return fasttext.train_supervised(file.name, wordNgrams=2, loss="ova", epoch=5, thread=1, verbose=0)


def compare(tagger: Tagger, peers: dict[str, Callable[[list[str]], object]], texts: list[str], runs: int) -> None:
    size = sum(len(text.encode()) for text in texts) / 1e6
    data = [text.encode() for text in texts]
    works: dict[str, Work] = {"scorer": lambda: tagger.score(texts)}
    works |= {name: (lambda peer=peer: peer(texts)) for name, peer in peers.items()}
    works |= {"str.split": lambda: [text.split() for text in texts], "reading bytes": lambda: sum(map(sum, data))}
    seconds = median_seconds(works, runs)
    for name, taken in seconds.items():
        print(
            f"  {name:16}{len(texts) / taken:12,.0f} stories/s{size / taken:10.1f} MB/s{taken / seconds['scorer']:8.1f} x the scorer's time"
        )


def one_story(tagger: Tagger, pipeline: Any, text: str, runs: int) -> None:
    works: dict[str, Work] = {
        "scorer, one story": lambda: [tagger.score([text]) for _ in range(200)],
        "scikit-learn, one story": lambda: [pipeline.predict_proba([text]) for _ in range(20)],
    }
    seconds = median_seconds(works, runs)
    mine, theirs = seconds["scorer, one story"] / 200, seconds["scikit-learn, one story"] / 20
    print(f"  one story: scorer {mine * 1e6:.0f} us, scikit-learn {theirs * 1e6:.0f} us, {theirs / mine:.1f} times")


def two_threads(tagger: Tagger, texts: list[str], runs: int) -> None:
    def both() -> None:
        threads = [threading.Thread(target=tagger.score, args=(texts,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    seconds = median_seconds({"one": lambda: tagger.score(texts), "two": both}, runs)
    print(f"  two threads do {2 * seconds['one'] / seconds['two']:.2f} times the work of one in the same time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stories", type=int, default=2000)
    parser.add_argument("--fasttext", action="store_true")
    options = parser.parse_args()
    tagger, rows = service.load(), read_rows()
    pipeline = fit_pipeline(rows)
    peers: dict[str, Callable[[list[str]], object]] = {"scikit-learn": pipeline.predict_proba}
    if options.fasttext:
        model = fit_fasttext(rows)
        peers["fastText"] = lambda texts: model.predict(texts, k=-1)
    for words in (440, 35):
        texts = make_stories(rows, words, options.stories)
        print(f"{options.stories} stories of {words} words, medians of {options.runs} runs")
        compare(tagger, peers, texts, options.runs)
        one_story(tagger, pipeline, texts[0], options.runs)
        two_threads(tagger, texts, options.runs)


if __name__ == "__main__":
    main()
