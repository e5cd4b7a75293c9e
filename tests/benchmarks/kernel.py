"""How fast the served scorer is beside scikit-learn's pipeline, fastText, `str.split` and plain reading, and what a process of it takes.

usage: python -m tests.benchmarks.kernel [--environments FOLDER] [--runs 5] [--stories 2000]

Long stories have 440 words, short ones 35: whole sentences of the shipped corpus, drawn anew for each. Every rate is measured on one core
(the process is pinned to the first), in turns with its peers, medians of the runs. fastText (supervised, wordNgrams 2, one-vs-all, trained
on the same corpus) is installed by pip into an environment of its own in FOLDER when it is not there, and times itself in a process beside.
Two threads, memory and starts are measured on all cores. Prints Markdown. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

import service
from service.model.tagger import Tagger
from tests.benchmarks.processes import environment, family, private_megabytes
from tests.conftest import DATASETS, ROOT
from tests.system.server import Server

LONG, SHORT = 440, 35
ONE_STORY = 200
STARTS = 5
Work = Callable[[], float]

FASTTEXT = """
import json, sys, time, fasttext
corpus, stories = sys.argv[1:]
model = fasttext.train_supervised(corpus, wordNgrams=2, loss="ova", epoch=5, thread=1, verbose=0)
texts = {words: [text.replace("\\n", " ") for text in found] for words, found in json.load(open(stories, encoding="utf-8")).items()}
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    model.predict(texts[line.strip()], k=-1)
    print(time.perf_counter() - begun, flush=True)
"""
TEXT = "Shells hit two border posts, wounding nine."
STORY = f"import service; from service.model.story import Story; service.load().tag([Story(text={TEXT!r})])"


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


def fit_pipeline(rows: Sequence[dict[str, Any]]) -> Any:
    """Fit what most would write: TF-IDF of words and word pairs, a logistic regression per label."""
    texts = [f"{row['title']}\n\n{row['text']}" for row in rows]
    labels = ["border_clash", "diplomacy", "casualties", "hostile", "neutral", "conciliatory"]
    targets = np.array([[label in (*row["topics"], row["tone"]) for label in labels] for row in rows], int)
    return pipeline().fit(texts, targets)


def pipeline() -> Any:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, strip_accents="unicode")
    return make_pipeline(vectorizer, OneVsRestClassifier(LogisticRegression(C=30, max_iter=1000)))


@contextmanager
def fasttext_beside(folder: Path, rows: Sequence[dict[str, Any]], stories: dict[int, list[str]]) -> Iterator[Callable[[int], float]]:
    """Train fastText in a process of its own; give what makes it predict the stories of so many words and say the seconds."""
    programs = environment(folder, "fasttext", ("fasttext", "numpy<2"))
    with tempfile.TemporaryDirectory() as space:
        corpus, texts = Path(space) / "corpus.txt", Path(space) / "stories.json"
        lines = ((*row["topics"], row["tone"], " ".join(f"{row['title']} {row['text']}".split())) for row in rows)
        corpus.write_text("".join(" ".join([*(f"__label__{label}" for label in line[:-1]), line[-1]]) + "\n" for line in lines), "utf-8")
        texts.write_text(json.dumps(stories), "utf-8")
        with subprocess.Popen(
            [programs / "python", "-W", "ignore", "-c", FASTTEXT, corpus, texts], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said, asked = process.stdout, process.stdin
            if said.readline() != "ready\n":
                raise SystemExit("fastText did not start")

            def predict(words: int) -> float:
                asked.write(f"{words}\n")
                asked.flush()
                return float(said.readline())

            yield predict
            asked.close()


def timed(work: Callable[[], object]) -> Work:
    def run() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return run


def median_seconds(works: dict[str, Work], runs: int) -> dict[str, float]:
    """Time each piece of work in turns; give medians."""
    for work in works.values():
        work()
    rounds = [{name: work() for name, work in works.items()} for _ in range(runs)]
    return {name: statistics.median(taken[name] for taken in rounds) for name in works}


def rates(tagger: Tagger, model: Any, fasttext: Callable[[int], float], stories: dict[int, list[str]], runs: int) -> None:
    """Print stories and megabytes per second, and each peer's time as a multiple of the scorer's."""
    print("| | " + " | ".join(f"{words} words: stories/s | MB/s | times the scorer's time" for words in stories) + " |")
    print("|---" + "|---:|---:|---:" * len(stories) + "|")
    cells: dict[str, list[str]] = {}
    for words, texts in stories.items():
        data = "".join(texts).encode()
        works = {
            "this scorer": timed(lambda texts=texts: tagger.score(texts)),
            "scikit-learn, `predict_proba`": timed(lambda texts=texts: model.predict_proba(texts)),
            "fastText, `predict`": lambda words=words: fasttext(words),
            "`str.split`": timed(lambda texts=texts: [text.split() for text in texts]),
            "reading the bytes (`bytes.count`)": timed(lambda data=data: data.count(b"\0")),
        }
        seconds = median_seconds(works, runs)
        for name, taken in seconds.items():
            ratio = taken / seconds["this scorer"]
            cells.setdefault(name, []).append(f"{len(texts) / taken:,.0f} | {len(data) / taken / 1e6:,.1f} | {ratio:.3g}")
    for name, found in cells.items():
        print(f"| {name} | {' | '.join(found)} |")


def one_story(tagger: Tagger, model: Any, text: str, runs: int) -> None:
    works = {
        "scorer": timed(lambda: [tagger.score([text]) for _ in range(ONE_STORY)]),
        "scikit-learn": timed(lambda: [model.predict_proba([text]) for _ in range(ONE_STORY // 10)]),
    }
    seconds = median_seconds(works, runs)
    mine, theirs = seconds["scorer"] / ONE_STORY, seconds["scikit-learn"] / (ONE_STORY // 10)
    print(f"| one story of {LONG} words, calibrated | {mine * 1e6:.0f} us; scikit-learn {theirs / mine:.1f} times that |")


def two_threads(tagger: Tagger, texts: list[str], runs: int) -> None:
    def both() -> None:
        threads = [threading.Thread(target=tagger.score, args=(texts,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    seconds = median_seconds({"one": timed(lambda: tagger.score(texts)), "two": timed(both)}, runs)
    print(f"| two threads on two cores, work done in the same time | {2 * seconds['one'] / seconds['two']:.2f} times one's |")


def memory() -> None:
    """Print what each of two workers of `serve` keeps for itself after a hundred stories."""
    with Server([sys.executable, "-m", "service"], "--workers", "2", cwd=ROOT) as server:
        for _ in range(100):
            server.post({"text": TEXT})
        workers = family(server.process.pid)[-2:]
        print(f"| private memory of a further worker of `serve` | {max(map(private_megabytes, workers)):.0f} MB |")


def starts(folder: Path) -> None:
    """Print how long a new process takes from its start to its first answer, with what was compiled kept and without."""
    programs = environment(folder, "service", (str(ROOT),))
    subprocess.run([programs / "pip", "install", "--quiet", "--force-reinstall", "--no-deps", ROOT], check=True)
    command, warm = [programs / "python", "-c", STORY], []
    run = partial(subprocess.run, command, cwd=folder, check=True)
    run()
    for _ in range(STARTS):
        warm.append(timed(run)())
    with tempfile.TemporaryDirectory() as empty:
        first = timed(partial(run, env={**os.environ, "NUMBA_CACHE_DIR": empty}))()
    print(f"| start of a process to its first answer | {statistics.median(warm):.2f} s; {first:.1f} s when nothing is compiled yet |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "peers", metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stories", type=int, default=2000)
    options = parser.parse_args()
    tagger, rows, cores = service.load(), read_rows(), os.sched_getaffinity(0)
    stories = {words: make_stories(rows, words, options.stories) for words in (LONG, SHORT)}
    model = fit_pipeline(rows)
    os.sched_setaffinity(0, {min(cores)})
    with fasttext_beside(options.environments, rows, stories) as fasttext:
        rates(tagger, model, fasttext, stories, options.runs)
    print("\n| | |\n|---|---|")
    one_story(tagger, model, stories[LONG][0], options.runs)
    os.sched_setaffinity(0, cores)
    two_threads(tagger, stories[LONG], options.runs)
    memory()
    starts(options.environments)


if __name__ == "__main__":
    main()
