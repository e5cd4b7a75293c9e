"""The whole way from a corpus to a model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError
from service.model import artifact
from service.model.tagger import Scores
from training import card, evaluate
from training.corpus import Corpus, too_few
from training.crossval import Say, cross_validate
from training.export import arrays_of, describe, name_of, self_test
from training.fit import Fitted, Settings
from training.prepare import prepare
from training.thresholds import best_f1_threshold

MARGIN = 0.1
RAREST = 0.01


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves behind: the parts of the artifact, its figures, and the fitted scikit-learn estimators."""

    manifest: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    terms: tuple[str, ...]
    metrics: dict[str, Any]
    fitted: Fitted

    def write(self, folder: Path) -> None:
        """Write the model folder. Raises ArtifactError."""
        artifact.write(folder, self.manifest, self.arrays, self._files())

    def contents(self) -> dict[str, bytes]:
        """Give the bytes of every file that `write` writes."""
        return artifact.contents(self.manifest, self.arrays, self._files())

    def _files(self) -> dict[str, bytes]:
        return {
            artifact.TERMS: "".join(f"{term}\n" for term in self.terms).encode(),
            artifact.METRICS: artifact.to_json(self.metrics),
            artifact.CARD: card.write(self.manifest, self.metrics, self.arrays["weights"], self.terms).encode(),
        }


def train(corpus: Corpus, settings: Settings, *, test: Corpus | None = None, say: Say = lambda line: None) -> Trained:
    """Train on a corpus: cross-validate for thresholds and figures, then fit on all of it; measure on `test` if given.

    Raises CorpusError when a label has too few examples to be learnt.
    """
    faults = too_few(corpus)
    if faults:
        raise CorpusError(faults)
    prepared = prepare(corpus, settings)
    say(f"{len(corpus.rows)} stories, {len(prepared.counts.terms)} n-grams")
    held_out = cross_validate(prepared, say)
    fitted = prepared.fit()
    arrays = arrays_of(prepared, fitted)
    manifest = {**describe(prepared), "thresholds": _thresholds(corpus, held_out), "review": _review(held_out)}
    manifest["name"] = name_of(manifest, arrays)
    manifest["self_test"] = self_test(artifact.in_memory(manifest, arrays), prepared.counts.terms)
    model = artifact.in_memory(manifest, arrays)
    metrics = {"cross_validation": evaluate.measure(model, corpus, held_out)}
    if test is not None:
        metrics["test"] = evaluate.evaluate(model, test)
    return Trained(manifest, arrays, prepared.counts.terms, metrics, fitted)


def _thresholds(corpus: Corpus, held_out: Scores) -> dict[str, float]:
    columns = enumerate(corpus.labels.topics)
    return {topic: best_f1_threshold(corpus.topics[:, column], held_out.probabilities[:, column]) for column, topic in columns}


def _review(held_out: Scores) -> dict[str, float]:
    """Call a text unfamiliar when it is worse covered than all but the rarest of held-out stories."""
    return {"margin": MARGIN, "coverage": round(float(np.quantile(held_out.coverage, RAREST)), 4)}
