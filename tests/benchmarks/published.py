"""Figures on public benchmark sets with their own splits, beside those published for a fine-tuned ConfliBERT.

usage: python tests/benchmarks/published.py FOLDER [--split test]

FOLDER holds one folder a set, each with train.jsonl, dev.jsonl, test.jsonl and labels.json. A model is trained with default settings
(searched by cross-validation, the shipped lexicon): on train.jsonl for the dev split, on train.jsonl and dev.jsonl for the test split.
Nothing here is stopped or tuned by a dev part, as a fine-tuned transformer is. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from service.model import artifact
from training.corpus.stories import read_corpus
from training.evaluation.evaluate import evaluate
from training.fitting.search import Search
from training.fitting.settings import settings_from
from training.train import train

PUBLISHED = {
    "BBC_News": {"topics_macro_f1": 0.981},
    "IndiaPoliceEvents_docs": {"topics_micro_f1": 0.800, "topics_macro_f1": 0.709, "topics_example_f1": 0.708},
    "satp_relevant": {"topics_micro_f1": 0.881, "topics_macro_f1": 0.854, "topics_example_f1": 0.894},
}
TRAINED_ON = {"dev": ("train",), "test": ("train", "dev")}
BUDGET = 600


def measure(folder: Path, split: str) -> dict[str, float]:
    begun = time.perf_counter()
    corpus = read_corpus([folder / f"{part}.jsonl" for part in TRAINED_ON[split]])
    settings, _ = Search(corpus, {}, BUDGET, None, lambda line: None).run(settings_from({}))
    trained = train(corpus, settings)
    seconds = time.perf_counter() - begun
    held_out = read_corpus([folder / f"{split}.jsonl"], corpus.labels, heads_may_lack=True)
    return {**evaluate(artifact.in_memory(trained.manifest, trained.arrays), held_out), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", choices=["dev", "test"], default="test")
    options = parser.parse_args()
    print(f"| set ({options.split}) | figure | this model | 95 % interval | ConfliBERT, published | seconds to train |")
    print("|---|---|---|---|---|---|")
    for name, published in PUBLISHED.items():
        found = measure(options.folder / name, options.split)
        for figure, theirs in published.items():
            low, high = found["intervals"][figure]
            shown = f"{found[figure]:.3f} | {low:.3f} to {high:.3f} | {theirs:.3f} | {found['seconds']:.0f}"
            print(f"| {name} | {figure.replace('topics_', '').replace('_', ' ')} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
