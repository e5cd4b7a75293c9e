"""From stories to tags: the one path for HTTP, files and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactError
from service.extras import imported
from service.model import kernel
from service.model.artifact import Model
from service.model.calibration import probabilities
from service.model.review import NO_KNOWN_WORDS
from service.model.story import Story
from service.model.table import make_tables
from service.model.tokens import encode

if TYPE_CHECKING:
    import pyarrow as pa

SELF_TEST_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Tags:
    """What a model says of one story.

    topics: those at or over their thresholds. tone: the likeliest, or None when the model has no tones or knows no word of the story.
    topic_scores, tone_scores: probability per label, 0 to 1; those of the tones add up to 1; both empty when no word is known.
    review: what a person should look at: `close:LABEL` (not decided at the model's stated error), `unfamiliar` (few words known),
    `no_known_words`. coverage: share of the story's tokens that the model knows, 0 to 1.
    """

    id: str | None
    topics: tuple[str, ...]
    tone: str | None
    topic_scores: Mapping[str, float]
    tone_scores: Mapping[str, float]
    review: tuple[str, ...]
    coverage: float


@dataclass(frozen=True, eq=False)
class Scores:
    """A batch's figures. decisions, probabilities: (stories, columns) float64; tokens: (stories, 2) int64, all and known."""

    decisions: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    tokens: NDArray[np.int64]

    @property
    def coverage(self) -> NDArray[np.float64]:
        return self.tokens[:, 1] / np.maximum(self.tokens[:, 0], 1)


class Tagger:
    """Tags stories with one model; may be used by any number of threads at once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._tables = make_tables(model.tokens.table, model.tokens.compiled[-1])
        self._spare: list[NDArray[np.int32]] = []
        self._thresholds = tuple(model.thresholds[topic] for topic in model.labels.topics)

    def tag(self, stories: Sequence[Story]) -> list[Tags]:
        """Tag a batch, in its order."""
        scores = self.score([story.joined for story in stories])
        coverage = scores.coverage.tolist()
        return [
            self._tags(story.id, row, share) for story, row, share in zip(stories, scores.probabilities.tolist(), coverage, strict=True)
        ]

    def tag_arrow(self, table: Any, *, title: str = "title", text: str = "text", prefix: str = "") -> pa.Table:
        """Tag a pyarrow RecordBatch or Table, or what gives itself as one: a Table with its columns and those of `columns.added_columns`.

        A row without title and text gets no tags, and `no_known_words` in `review`. Raises ColumnError when the text's column is absent or
        holds no text, or an added name is taken; ExtraError without pyarrow.
        """
        return _arrow().tag_table(self, table, title=title, text=text, prefix=prefix)

    def tag_frame(self, frame: Any, *, title: str = "title", text: str = "text", prefix: str = "") -> Any:
        """Tag a pandas or polars DataFrame, giving one of the same kind, with its index. Rows and errors are as with `tag_arrow`."""
        return _arrow().tag_frame(self, frame, title=title, text=text, prefix=prefix)

    def score(self, texts: Sequence[str]) -> Scores:
        """Score a batch of joined texts: decision scores, and probabilities per label."""
        columns = len(self.model.labels.columns)
        decisions, tokens = np.empty((len(texts), columns)), np.empty((len(texts), 2), np.int64)
        codes, bounds = encode(texts)
        model = self.model
        counts = self._take_counts()
        kernel.score(codes, bounds, model.tokens.compiled, self._tables, (model.weights, model.bias), counts, decisions, tokens)
        self._spare.append(counts)
        return Scores(decisions, probabilities(decisions, len(model.labels.topics), model.calibrators), tokens)

    def self_test(self) -> None:
        """Score the text that the manifest holds and compare. Raises ArtifactError when this machine computes something else."""
        expected = self.model.manifest["self_test"]
        found = self.score([expected["text"]]).decisions[0]
        if not np.allclose(found, expected["decisions"], rtol=0, atol=SELF_TEST_TOLERANCE):
            raise ArtifactError(
                f"model {self.model.name}: its self-test gave {found.tolist()}, not {expected['decisions']}; "
                "reinstall the package or retrain"
            )

    def _take_counts(self) -> NDArray[np.int32]:
        """Take scratch that no other thread uses: left by an earlier one, or new."""
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(len(self.model.weights), np.int32)

    def _tags(self, key: str | None, row: Sequence[float], coverage: float) -> Tags:
        if not coverage:
            return Tags(key, (), None, {}, {}, (NO_KNOWN_WORDS,), coverage)
        labels = self.model.labels
        topic_scores = dict(zip(labels.topics, row, strict=False))
        tone_scores = dict(zip(labels.tones, row[len(labels.topics) :], strict=True))
        topics = tuple([topic for topic, score, least in zip(labels.topics, row, self._thresholds, strict=False) if score >= least])
        tone = max(tone_scores, key=tone_scores.__getitem__) if tone_scores else None
        review = tuple(self.model.review.reasons(topic_scores, tone_scores, coverage))
        return Tags(key, topics, tone, topic_scores, tone_scores, review, coverage)


def _arrow() -> Any:
    imported("pyarrow", "batch")
    return import_module("service.model.arrow")
