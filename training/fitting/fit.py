"""Counts and labels become a fitted model: TF-IDF weighting, a logistic regression per topic, one over the tones (scikit-learn)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from training.fitting.features import Counts

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SMOOTHING = 0.3
HASH_SEED = "hash_seed"


@dataclass(frozen=True)
class Settings:
    """Everything beside the corpus that decides what comes out.

    ngrams: longest run of tokens. min_df: fewest stories that an n-gram must stand in. class_factor: how much heavier than words the word
    classes of the lexicon count. C: inverse strength of the L2 penalty. naive_bayes: how far (0 to 1) terms are scaled by how unevenly
    they stand under a label. balanced: whether each class weighs the same however many stories it has. target: what thresholds are chosen
    for. folds: of the cross-validation. seed: which stories share a fold.
    """

    ngrams: int = 2
    min_df: int = 2
    class_factor: float = 1.0
    C: float = 30.0
    naive_bayes: float = 0.6
    balanced: bool = False
    stop_words: tuple[str, ...] = ()
    target: str = "f1"
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
class Head:
    """One fitted classifier, and the scale (terms,) that its features were multiplied by."""

    classifier: Any
    scale: NDArray[np.float64]

    def decisions(self, features: csr_matrix) -> NDArray[np.float64]:
        """Give the decision scores of TF-IDF features, a column a class; shape (stories, 1) for a topic."""
        coefficients, intercepts = self.weights()
        result: NDArray[np.float64] = features @ coefficients.T + intercepts
        return result

    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give coefficients (classes, terms), the scale folded in, and intercepts (classes,)."""
        return self.classifier.coef_ * self.scale, self.classifier.intercept_


@dataclass(frozen=True, eq=False)
class Fitted:
    """The TF-IDF weighting (scikit-learn's), one head per topic, and the tones' head or None."""

    tfidf: Any
    topics: tuple[Head, ...]
    tone: Head | None

    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lay the classifiers side by side: (terms, columns) coefficients and (columns,) intercepts, topics first."""
        parts = [head.weights() for head in self.topics]
        if self.tone is not None:
            parts.append(_per_class(*self.tone.weights()))
        return np.vstack([coefficients for coefficients, _ in parts]).T, np.concatenate([intercepts for _, intercepts in parts])


def fit(counts: Counts, topics: NDArray[np.bool_], tones: NDArray[np.int64], settings: Settings) -> Fitted:
    """Fit on n-gram counts; topics (stories, topics) of bool; tones (stories,) of class indices, empty without tones.

    Deterministic: the same input gives the same bits on the same machine.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        tfidf = weighting(counts, settings)
        features = tfidf.transform(counts.matrix)
        heads = tuple(fit_head(features, applies, settings) for applies in topics.T)
        return Fitted(tfidf, heads, fit_head(features, tones, settings) if len(tones) else None)


def weighting(counts: Counts, settings: Settings) -> Any:
    """Fit the TF-IDF weighting: sublinear term frequency, smoothed inverse document frequency, rows of length 1."""
    from sklearn.feature_extraction.text import TfidfTransformer

    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts.matrix)
    tfidf.idf_ = np.where(counts.of_classes, settings.class_factor, 1.0) * tfidf.idf_
    return tfidf


def fit_head(features: csr_matrix, target: NDArray[Any], settings: Settings) -> Head:
    """Fit one logistic regression; multinomial where the target has more than two classes."""
    scale = term_scale(features, target, settings.naive_bayes)
    return Head(make_classifier(settings).fit(scaled(features, scale), target), scale)


def make_classifier(settings: Settings) -> Any:
    """Make scikit-learn's logistic regression as the settings have it."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=settings.C, max_iter=1000, tol=1e-5, class_weight="balanced" if settings.balanced else None)


def scaled(features: csr_matrix, scale: NDArray[np.float64]) -> csr_matrix:
    """Multiply each column by its scale."""
    return features.multiply(scale).tocsr()


def term_scale(features: csr_matrix, target: NDArray[Any], strength: float) -> NDArray[np.float64]:
    """Give each term's scale: 1 - strength, plus strength times its naive Bayes log-count ratio as a share of the ratios' root mean square.

    A soft form of NBSVM (Wang and Manning 2012). With several classes the ratios of each against the rest are averaged.
    """
    if not strength:
        return np.ones(features.shape[1])
    classes = np.unique(target)[1:] if len(np.unique(target)) == 2 else np.unique(target)
    ratios = [_log_count_ratio(features, target == value) for value in classes]
    shares = [np.abs(ratio) / np.sqrt(np.mean(ratio**2)) for ratio in ratios]
    result: NDArray[np.float64] = 1 - strength + strength * np.mean(shares, axis=0)
    return result


def _log_count_ratio(features: csr_matrix, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    sums = [np.asarray(features[np.flatnonzero(part)].sum(axis=0)).ravel() + SMOOTHING for part in (inside, ~inside)]
    result: NDArray[np.float64] = np.log(sums[0] / sums[0].sum()) - np.log(sums[1] / sums[1].sum())
    return result


def _per_class(coefficients: NDArray[np.float64], intercepts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give two classes a column each, like three and more: the softmax over half the score, minus and plus, is the same probability."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    halves = np.array([[-0.5], [0.5]])
    return halves * coefficients, halves[:, 0] * intercepts
