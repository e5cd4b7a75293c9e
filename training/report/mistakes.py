"""The worst mistakes on labelled stories, with the words that led to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model.artifact import Model
from service.model.evidence import contributions
from service.model.story import Story
from training.corpus.stories import Corpus
from training.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
ModelOf = Callable[[int], Model]
MOST = 3
LONGEST = 1500
LEVELS = 4
NAMED = 6


@dataclass(frozen=True)
class Piece:
    """A piece of a story's text and what it adds to the decision; level is -4 to 4, from heaviest against to heaviest for."""

    text: str
    weight: float
    level: int


@dataclass(frozen=True)
class Mistake:
    """A wrong decision. said, true: what the model said and what the label is, in words. heaviest: pieces of the text, heaviest first.

    cut: how many code points of the text are not shown.
    """

    id: str
    label: str
    said: str
    true: str
    probability: float
    title: tuple[Piece, ...]
    text: tuple[Piece, ...]
    heaviest: tuple[Piece, ...]
    cut: int


def worst_mistakes(found: Outcome, corpus: Corpus, model_of: ModelOf) -> tuple[Mistake, ...]:
    """Take, per label, the three wrong decisions furthest from turning. `model_of` gives the model that scored a story of the corpus.

    A tone's mistakes are listed under the tone that was said; its words are those that speak for it rather than for the true tone.
    """
    chosen = [(label, story) for label in found.labels for story in _worst(found, label, said_only=label in corpus.labels.tones)]
    return tuple(_mistake(found, corpus, model_of(story), label, story) for label, story in chosen)


def _worst(found: Outcome, label: str, *, said_only: bool) -> list[int]:
    one = found.labels[label]
    wrong = np.flatnonzero(one.wrong & one.predicted if said_only else one.wrong)
    order = wrong[np.argsort(-one.distance[wrong], kind="stable")][:MOST]
    return [int(story) for story in one.stories[order]]


def _mistake(found: Outcome, corpus: Corpus, model: Model, label: str, index: int) -> Mistake:
    row, columns = corpus.rows[index], list(corpus.labels.columns)
    column, one = columns.index(label), found.labels[label]
    parts = contributions(model, row.story)
    weights = parts.weights[:, column]
    said, true = (label, f"not {label}") if one.predicted[np.searchsorted(one.stories, index)] else (f"not {label}", label)
    if label in corpus.labels.tones:
        said, true = label, str(row.tone)
        weights = weights - parts.weights[:, columns.index(true)]
    words = word_weights(model, row.story.joined, parts.spans, weights)
    title, text = shaded(row.story, words)
    heaviest = sorted((piece for piece in (*title, *text) if piece.level), key=lambda piece: -abs(piece.weight))[:NAMED]
    probability = float(found.probabilities[index, column])
    cut = max(0, len(row.story.text) - LONGEST)
    return Mistake(row.story.id or "", label, said, true, probability, title, text, tuple(heaviest), cut)


def word_weights(model: Model, text: str, spans: NDArray[np.int32], weights: Floats) -> list[tuple[int, int, float]]:
    """Spread the spans' weights over the words of a text, as (start, end, weight) in reading order; the sum stays the same.

    A span of several words gives half of its weight to its first word and half to its last.
    """
    ngrams = model.tokens.ngrams([text])
    ends: dict[int, int] = {}
    starts: dict[int, int] = {}
    for start, end in zip(ngrams.starts.tolist(), ngrams.ends.tolist(), strict=True):
        ends[start] = min(end, ends.get(start, end))
        starts[end] = max(start, starts.get(end, start))
    total = dict.fromkeys(sorted(ends), 0.0)
    for (start, end), weight in zip(spans.tolist(), weights.tolist(), strict=True):
        total[start] += weight / 2
        total[starts[end]] += weight / 2
    return [(start, ends[start], weight) for start, weight in total.items()]


def shaded(story: Story, words: Sequence[tuple[int, int, float]]) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Cut title and text into pieces, the words among them with their weights; the text up to 1,500 code points."""
    heaviest = max((abs(weight) for _, _, weight in words), default=0.0) or 1.0
    places = [(*story.locate(start, end), weight) for start, end, weight in words]
    fields = [("title", story.title), ("text", story.text[:LONGEST])]
    title, text = (
        tuple(
            _pieces(whole, [(start, end, weight) for field, start, end, weight in places if field == name and end <= len(whole)], heaviest)
        )
        for name, whole in fields
    )
    return title, text


def _pieces(text: str, words: Sequence[tuple[int, int, float]], heaviest: float) -> Iterator[Piece]:
    done = 0
    for start, end, weight in words:
        if start > done:
            yield Piece(text[done:start], 0.0, 0)
        yield Piece(text[start:end], weight, round(LEVELS * weight / heaviest))
        done = end
    if done < len(text):
        yield Piece(text[done:], 0.0, 0)
