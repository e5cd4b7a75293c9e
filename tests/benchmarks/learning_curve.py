"""How a model gets better with more stories: F1 and average precision on labelled news from elsewhere.

usage: python tests/benchmarks/learning_curve.py NEWS.jsonl [--corpus datasets] [--sizes 500 1000 2000 4000]

Each size is a part of the next one, drawn by the hash of the story id; the last is the whole corpus. Settings are those beside the
corpus. Prints a Markdown table: F1 / average precision per label.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from service.model import artifact
from training.corpus.stories import Corpus, read_corpus
from training.evaluation.evaluate import evaluate
from training.fitting.settings import read_settings, settings_from
from training.train import train


def part(corpus: Corpus, size: int) -> Corpus:
    order = sorted(corpus.rows, key=lambda row: hashlib.sha256((row.story.id or "").encode()).hexdigest())
    return replace(corpus, rows=tuple(sorted(order[:size], key=lambda row: row.story.id or "")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("news", type=Path)
    parser.add_argument("--corpus", type=Path, default=Path("datasets"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 1000, 2000, 4000])
    options = parser.parse_args()
    corpus = read_corpus([options.corpus])
    news = read_corpus([options.news], corpus.labels, heads_may_lack=True)
    settings = settings_from(read_settings(options.corpus / "settings.json"))
    print("| stories | " + " | ".join(corpus.labels.columns) + " | mean of topics | tone macro-F1 |")
    print("|---" * (len(corpus.labels.columns) + 3) + "|")
    for size in [*(size for size in options.sizes if size < len(corpus.rows)), len(corpus.rows)]:
        trained = train(part(corpus, size), settings)
        figures = evaluate(artifact.in_memory(trained.manifest, trained.arrays), news)
        labels = figures["labels"]
        cells = [f"{row['f1']:.3f} / {row['average_precision']:.3f}" for row in labels.values()]
        topics = [labels[topic] for topic in corpus.labels.topics]
        means = [sum(row[name] for row in topics) / len(topics) for name in ("f1", "average_precision")]
        print(f"| {size} | {' | '.join(cells)} | {means[0]:.3f} / {means[1]:.3f} | {figures['tone_macro_f1']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
