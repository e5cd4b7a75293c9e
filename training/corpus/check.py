"""What a corpus holds, and what in it would mislead a model."""

from __future__ import annotations

from collections.abc import Iterator

from training.corpus.agreement import agreement
from training.corpus.duplicates import Pair, near_duplicates
from training.corpus.lean import leaning_names, repeated_frames
from training.corpus.stories import Corpus, too_few
from training.corpus.summary import length_counts, mix_counts

SAME = 0.5
CONTRAST = "pair"
MOST = 20


def report(corpus: Corpus) -> tuple[list[str], list[str]]:
    """Describe a corpus: lines for a person, and faults that have to be mended before training."""
    sections = [_labels(corpus), _mixes(corpus), _lengths(corpus), _agreement(corpus), _duplicates(corpus), _frames(corpus), _names(corpus)]
    head = f"{len(corpus.rows)} stories, fingerprint {corpus.fingerprint}"
    return [head, *(line for section in sections for line in ("", *section))], [*corpus.contradictions, *too_few(corpus)]


def unmarked_duplicates(corpus: Corpus) -> list[Pair]:
    """Find near-duplicates (Jaccard similarity of word 3-grams at least 0.5) that are not marked as a contrast pair by the same `pair`."""
    marks = [row.extra.get(CONTRAST) for row in corpus.rows]
    return [pair for pair in near_duplicates(corpus.texts, SAME) if marks[pair.first] is None or marks[pair.first] != marks[pair.second]]


def _share(name: str, count: int, total: int) -> str:
    return f"{name:44}{count:>8}{count / total:>8.1%}"


def _labels(corpus: Corpus) -> Iterator[str]:
    yield "labels"
    yield from (_share(label, count, len(corpus.rows)) for label, count in corpus.counts().items())


def _mixes(corpus: Corpus) -> Iterator[str]:
    yield "mixes of topics"
    yield from (_share(mix, count, len(corpus.rows)) for mix, count in mix_counts(corpus).items())


def _lengths(corpus: Corpus) -> Iterator[str]:
    yield "lengths"
    yield from (_share(name, count, len(corpus.rows)) for name, count in length_counts(corpus).items())


def _agreement(corpus: Corpus) -> Iterator[str]:
    found = agreement(corpus)
    yield "agreement of two readers (Cohen's kappa)" if found else "agreement: no row keeps two readings"
    yield from (f"{label:44}{kappa:>8.3f}{differing:>8} stories differ" for label, (kappa, differing) in found.items())


def _duplicates(corpus: Corpus) -> Iterator[str]:
    found = unmarked_duplicates(corpus)
    yield f"near-duplicates, contrast pairs left out: {len(found)}"
    yield from (
        f"  {corpus.rows[pair.first].story.id}  {corpus.rows[pair.second].story.id}  {pair.similarity:.2f}" for pair in found[:MOST]
    )


def _frames(corpus: Corpus) -> Iterator[str]:
    found = repeated_frames(corpus)
    yield f"runs of six words in more than 0.5 % of the stories: {len(found)}"
    yield from (f"  {frame}: {count} stories" for frame, count in found[:MOST])


def _names(corpus: Corpus) -> Iterator[str]:
    found = leaning_names(corpus)
    yield f"names that alone predict a label: {len(found)}"
    yield from (f"  {lean.name}: {lean.label} in {lean.share:.0%} of {lean.stories} stories" for lean in found[:MOST])
