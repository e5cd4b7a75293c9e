"""Counts and labels become a fitted model: TF-IDF weighting, a logistic regression per topic, one over the tones (scikit-learn)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from training.features import Counts

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

HASH_SEED = "hash_seed"


@dataclass(frozen=True)
class Settings:
    """Everything beside the corpus that decides what comes out.

    ngrams: longest run of tokens. min_df: fewest stories that an n-gram must stand in. class_factor: how much heavier than words the word
    classes of the lexicon count. C: inverse strength of the L2 penalty. folds: of the cross-validation that thresholds come from. seed:
    which stories share a fold.
    """

    ngrams: int = 2
    min_df: int = 2
    class_factor: float = 2.0
    C: float = 30.0
    stop_words: tuple[str, ...] = ()
    folds: int = 5
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Write them as a manifest holds them."""
        return {**asdict(self), "stop_words": list(self.stop_words)}

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Settings:
        """Read them from a manifest. Raises ModelError naming every setting that is missing, of another kind, or not known here.

        `hash_seed` is passed over: it follows from the rest (see `prepare`).
        """
        defaults = cls().to_json()
        faults = [f"{name}: not known to this version" for name in recorded if name not in (*defaults, HASH_SEED)]
        faults += [f"{name}: missing" for name in defaults if name not in recorded]
        faults += [f"{name}: {recorded[name]!r}" for name in defaults if name in recorded and not _alike(recorded[name], defaults[name])]
        if faults:
            raise ModelError(f"the recorded settings cannot be used: {'; '.join(faults)}")
        return cls(**{name: recorded[name] for name in defaults if name != "stop_words"}, stop_words=tuple(recorded["stop_words"]))


def _alike(value: Any, default: Any) -> bool:
    return type(value) is type(default) or (isinstance(default, float) and type(value) is int)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted scikit-learn estimators: the TF-IDF weighting, one classifier per topic, and the tones' classifier or None."""

    tfidf: Any
    topics: tuple[Any, ...]
    tone: Any | None

    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lay the classifiers side by side: (terms, columns) coefficients and (columns,) intercepts, topics first."""
        coefficients = [topic.coef_[0] for topic in self.topics]
        intercepts = [topic.intercept_[0] for topic in self.topics]
        if self.tone is not None:
            coef, intercept = _per_class(self.tone)
            coefficients += list(coef)
            intercepts += list(intercept)
        return np.stack(coefficients, axis=1), np.array(intercepts)


def fit(counts: Counts, topics: NDArray[np.bool_], tones: NDArray[np.int64], settings: Settings) -> Fitted:
    """Fit on n-gram counts; topics (stories, topics) of bool; tones (stories,) of class indices, empty without tones.

    Deterministic: the same input gives the same bits on the same machine.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        tfidf = TfidfTransformer(sublinear_tf=True).fit(counts.matrix)
        tfidf.idf_ = np.where(counts.of_classes, settings.class_factor, 1.0) * tfidf.idf_
        features = tfidf.transform(counts.matrix)
        heads = tuple(_classifier(features, applies, settings) for applies in topics.T)
        return Fitted(tfidf, heads, _classifier(features, tones, settings) if len(tones) else None)


def _classifier(features: csr_matrix, target: NDArray[Any], settings: Settings) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=settings.C, max_iter=1000, tol=1e-5).fit(features, target)


def _per_class(classifier: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give two classes a column each, like three and more: the softmax over half the score, minus and plus, is the same probability."""
    if len(classifier.coef_) > 1:
        return classifier.coef_, classifier.intercept_
    halves = np.array([[-0.5], [0.5]])
    return halves * classifier.coef_, halves[:, 0] * classifier.intercept_
