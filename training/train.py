"""The whole way from a corpus to a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError
from service.model import artifact
from service.model.artifact import Model
from service.model.calibration import Floats, probabilities
from service.model.tagger import Scores
from training.corpus.leakage import leakage, leaks
from training.corpus.stories import Corpus, too_few
from training.evaluation.evaluate import measure
from training.evaluation.outcome import outcome
from training.fitting.calibrate import calibrators, cross_fitted, least_of_tone, review_band
from training.fitting.crossval import HeldOut, Say, cross_validate
from training.fitting.export import arrays_of, describe, name_of, self_test
from training.fitting.fit import Fitted, Settings
from training.fitting.prepare import prepare
from training.fitting.thresholds import Target
from training.report import card
from training.report.mistakes import worst_mistakes
from training.report.page import Measured, measured_on, page_of, render

ERROR = 0.05
RAREST = 0.01


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves behind: the parts of the artifact, what was measured, the lexicon, and the fitted estimators."""

    manifest: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    terms: tuple[str, ...]
    measured: tuple[Measured, ...]
    lexicon: Mapping[str, str]
    fitted: Fitted

    @property
    def metrics(self) -> dict[str, Any]:
        return {one.name: one.figures for one in self.measured}

    def write(self, folder: Path) -> None:
        """Write the model folder. Raises ArtifactError."""
        artifact.write(folder, self.manifest, self.arrays, self._files())

    def contents(self) -> dict[str, bytes]:
        """Give the bytes of every file that `write` writes."""
        return artifact.contents(self.manifest, self.arrays, self._files())

    def _files(self) -> dict[str, bytes]:
        page = page_of(artifact.in_memory(self.manifest, self.arrays), self.terms, self.measured, self.lexicon)
        return {
            artifact.TERMS: "".join(f"{term}\n" for term in self.terms).encode(),
            artifact.METRICS: artifact.to_json(self.metrics),
            artifact.CARD: card.write(self.manifest, self.metrics, self.arrays["weights"], self.terms).encode(),
            artifact.REPORT: render(page).encode(),
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
    manifest = {**describe(prepared), **decide(corpus, held_out, settings)}
    manifest["name"] = name_of(manifest, arrays)
    manifest["self_test"] = self_test(artifact.in_memory(manifest, arrays), prepared.counts.terms)
    model = artifact.in_memory(manifest, arrays)
    measured = [_cross_validated(model, corpus, held_out)]
    if test is not None:
        measured.append(measured_on("test", model, test, leakage=leakage(corpus, test, leaks(corpus, test))))
    return Trained(manifest, arrays, prepared.counts.terms, tuple(measured), corpus.lexicon, fitted)


def _cross_validated(model: Model, corpus: Corpus, held_out: HeldOut) -> Measured:
    """Measure on the training corpus, by models and calibrators that have not seen the story at hand."""
    honest = cross_fitted(held_out.decisions, corpus.targets, len(corpus.labels.topics))
    scores = Scores(held_out.decisions, honest, held_out.tokens)
    found = outcome(model, corpus, scores)
    return Measured("cross_validation", measure(model, corpus, scores), worst_mistakes(found, corpus, held_out.model_of), corpus)


def decide(corpus: Corpus, held_out: Scores, settings: Settings) -> dict[str, Any]:
    """Choose calibration, thresholds and review bands from held-out scores, as the manifest holds them."""
    columns = len(corpus.labels.topics)
    fitted = calibrators(held_out.decisions, corpus.targets)
    calibrated = probabilities(held_out.decisions, columns, fitted)
    target = Target.parse(settings.target)
    pairs = list(zip(corpus.labels.topics, corpus.topics.T, calibrated.T, strict=False))
    return {
        "calibration": {label: one.to_json() for label, one in zip(corpus.labels.columns, fitted, strict=True)},
        "thresholds": {topic: target.threshold(applies, given) for topic, applies, given in pairs},
        "review": {
            "error": ERROR,
            "bands": {topic: review_band(applies, given, ERROR) for topic, applies, given in pairs},
            "tones": _least_of_tones(corpus, calibrated[:, columns:]),
            "coverage": round(float(np.quantile(held_out.coverage, RAREST)), 4),
        },
    }


def _least_of_tones(corpus: Corpus, calibrated: Floats) -> dict[str, float]:
    tones = enumerate(corpus.labels.tones)
    return {tone: least_of_tone(corpus.tones == index, calibrated[:, index], ERROR) for index, tone in tones}
