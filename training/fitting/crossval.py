"""Score every story of a corpus by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model import artifact
from service.model.artifact import Model
from service.model.tagger import Scores, Tagger
from training.fitting.export import arrays_of, describe
from training.fitting.prepare import Prepared
from training.fitting.split import folds

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class HeldOut(Scores):
    """Scores of stories by models that have not seen them: story i by `models[fold_of[i]]`."""

    fold_of: NDArray[np.int64]
    models: tuple[Model, ...]

    def model_of(self, story: int) -> Model:
        """Give the model that scored a story."""
        return self.models[int(self.fold_of[story])]


def cross_validate(prepared: Prepared, say: Say) -> HeldOut:
    """Score each fold by a model fitted without it, vocabulary and idf included, through the path that is served."""
    corpus, settings = prepared.corpus, prepared.settings
    fold_of = folds(corpus, settings.folds, settings.seed)
    shape = (len(corpus.rows), len(corpus.labels.columns))
    result = Scores(np.zeros(shape), np.zeros(shape), np.zeros((len(corpus.rows), 2), np.int64))
    models = []
    for fold in range(settings.folds):
        outside = np.flatnonzero(fold_of == fold)
        part = prepared.part(np.flatnonzero(fold_of != fold))
        model = artifact.in_memory(describe(part), arrays_of(part, part.fit()))
        scores = Tagger(model).score([corpus.texts[index] for index in outside])
        result.decisions[outside], result.probabilities[outside] = scores.decisions, scores.probabilities
        result.tokens[outside] = scores.tokens
        models.append(model)
        say(f"cross-validation: fold {fold + 1} of {settings.folds}")
    return HeldOut(result.decisions, result.probabilities, result.tokens, fold_of, tuple(models))
