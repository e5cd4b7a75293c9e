"""Find settings by cross-validation: features once per fold, the penalty's path with warm starts, one knob after another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.corpus.stories import Corpus
from training.evaluation.metrics import average_precision
from training.fitting.fit import Head, Settings, make_classifier, scaled, term_scale, weighting
from training.fitting.prepare import Prepared, prepare
from training.fitting.settings import CHOICES
from training.fitting.split import folds

MOST_STORIES = 10_000
PENALTY = "C"
STAGES = (("naive_bayes", PENALTY), ("class_factor",), ("balanced",), ("min_df",))
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tried:
    """One candidate and its score: mean average precision over all labels, on held-out stories."""

    settings: Settings
    score: float


@dataclass(frozen=True, eq=False)
class Search:
    """A search under way. `seconds` is its budget; `log` a file of what has been tried, by which an interrupted search goes on."""

    corpus: Corpus
    given: Mapping[str, Any]
    seconds: float
    log: Path | None
    say: Say

    def run(self, start: Settings) -> tuple[Settings, list[Tried]]:
        """Search stage by stage, from `start`, and give the best settings and all that was tried."""
        if not any(map(self._open, STAGES)):
            return start, []
        begun = time.monotonic()
        corpus = sample(self.corpus)
        least = min([start.min_df, *(CHOICES["min_df"] if "min_df" not in self.given else ())])
        prepared = prepare(corpus, replace(start, min_df=least))
        fold_of = folds(corpus, start.folds, start.seed)
        done = self._read_log(corpus.fingerprint)
        tried: list[Tried] = []
        best = start
        for stage in STAGES:
            for path in self._paths(stage, best, known=bool(tried)):
                if tried and time.monotonic() > begun + self.seconds:
                    self.say("search: the time is up; taking the best so far")
                    return best, tried
                tried += self._try(path, prepared, fold_of, done)
                best = max(tried, key=lambda candidate: candidate.score).settings
                self.say(self._progress(tried, time.monotonic() - begun))
        return best, tried

    def _progress(self, tried: Sequence[Tried], seconds: float) -> str:
        """Say how far the search is, the best score, and the time left: by the pace so far, or what the budget leaves."""
        best = max(candidate.score for candidate in tried)
        left = max(0.0, min(seconds * (self._most / len(tried) - 1), self.seconds - seconds))
        return f"search: {len(tried)} of {self._most} candidates, best average precision {best:.4f}, about {left:.0f} s left"

    @property
    def _most(self) -> int:
        """Count the candidates of all stages; one of every later stage is what was best before it."""
        sizes = [prod(len(CHOICES[knob]) for knob in self._open(stage)) for stage in STAGES if self._open(stage)]
        return sum(sizes) - len(sizes) + 1

    def _open(self, stage: Sequence[str]) -> list[str]:
        """Name the settings of a stage that are to be searched."""
        return [knob for knob in stage if knob not in self.given and (knob != "class_factor" or self.corpus.lexicon)]

    def _paths(self, stage: Sequence[str], best: Settings, *, known: bool) -> list[list[Settings]]:
        """List a stage's candidates, in paths that differ in the penalty only; without the best so far when its score is known."""
        open_knobs = self._open(stage)
        others = [knob for knob in open_knobs if knob != PENALTY]
        if not open_knobs:
            return []
        bases = [replace(best, **dict(zip(others, values, strict=True))) for values in product(*(CHOICES[knob] for knob in others))]
        if PENALTY not in open_knobs:
            return [[base] for base in bases if not known or base != best]
        return [[replace(base, C=value) for value in CHOICES[PENALTY]] for base in bases]

    def _try(self, path: list[Settings], prepared: Prepared, fold_of: NDArray[np.int64], done: dict[str, float]) -> list[Tried]:
        keys = [json.dumps(asdict(settings), sort_keys=True) for settings in path]
        if not all(key in done for key in keys):
            for key, score in zip(keys, score_path(prepared, fold_of, path), strict=True):
                done[key] = score
                self._write_log(prepared.corpus.fingerprint, key, score)
        return [Tried(settings, done[key]) for settings, key in zip(path, keys, strict=True)]

    def _read_log(self, fingerprint: str) -> dict[str, float]:
        if self.log is None or not self.log.exists():
            return {}
        found = {}
        for line in self.log.read_text("utf-8").splitlines():
            with suppress(ValueError):  # a line cut short by a kill, and what was written behind it, is tried again
                entry = json.loads(line)
                if entry["corpus"] == fingerprint:
                    found[entry["key"]] = entry["score"]
        return found

    def _write_log(self, fingerprint: str, key: str, score: float) -> None:
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"corpus": fingerprint, "key": key, "score": score}) + "\n")


def sample(corpus: Corpus) -> Corpus:
    """Keep the search quick on large corpora: at most 10,000 stories, evenly over the order of ids."""
    step = -(-len(corpus.rows) // MOST_STORIES)
    return corpus if step == 1 else replace(corpus, rows=corpus.rows[::step])


def score_path(prepared: Prepared, fold_of: NDArray[np.int64], path: Sequence[Settings]) -> list[float]:
    """Score settings that differ in the penalty only: mean average precision over all labels of held-out decision scores.

    `prepared` must hold the n-grams of all of them: its own `min_df` may not be over theirs. `fold_of` gives each story its fold.
    """
    from joblib import Parallel, delayed

    prepared = replace(prepared, settings=path[0])
    targets = prepared.corpus.targets
    parts = Parallel(n_jobs=-1)(delayed(_fold_decisions)(prepared, fold_of != fold, path) for fold in range(path[0].folds))
    decisions = np.zeros((len(path), *targets.shape))
    for fold, part in enumerate(parts):
        decisions[:, fold_of == fold] = part
    return [float(np.mean([average_precision(*pair) for pair in zip(targets.T, scores.T, strict=True)])) for scores in decisions]


def _fold_decisions(prepared: Prepared, inside: NDArray[np.bool_], path: Sequence[Settings]) -> NDArray[np.float64]:
    """Fit every settings of a path on one fold's stories; give the decision scores (settings, other stories, columns)."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        part = prepared.part(np.flatnonzero(inside))
        tfidf = weighting(part.counts, path[0])
        features = tfidf.transform(part.counts.matrix)
        outside = tfidf.transform(prepared.counts.matrix[np.flatnonzero(~inside)][:, prepared.counts.columns_of(part.counts)])
        targets: list[NDArray[Any]] = list(part.corpus.topics.T)
        if part.corpus.labels.tones:
            targets.append(part.corpus.tones)
        heads = [_head_path(features, outside, target, path) for target in targets]
        return np.concatenate(heads, axis=2)


def _head_path(features: Any, outside: Any, target: NDArray[Any], path: Sequence[Settings]) -> NDArray[np.float64]:
    scale = term_scale(features, target, path[0].naive_bayes)
    weighted = scaled(features, scale)
    classifier = make_classifier(path[0])
    classifier.set_params(warm_start=True)
    scores = []
    for settings in path:
        classifier.set_params(C=settings.C).fit(weighted, target)
        decisions = Head(classifier, scale).decisions(outside)
        scores.append(np.hstack([-decisions, decisions]) if decisions.shape[1] == 1 and target.dtype != bool else decisions)
    return np.stack(scores)
