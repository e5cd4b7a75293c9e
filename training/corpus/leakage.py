"""Stories that a model is measured on although it has learnt from their like."""

from __future__ import annotations

from typing import Any

from service.errors import CorpusError
from training.corpus.duplicates import Pair, near_duplicates
from training.corpus.stories import Corpus

SAME = 0.5
MOST = 20


def leaks(learnt: Corpus, measured: Corpus) -> list[Pair]:
    """Find near-duplicates (Jaccard similarity of word 3-grams at least 0.5): first in `measured`, second in `learnt`, closest first."""
    return sorted(near_duplicates(measured.texts, SAME, against=learnt.texts), key=lambda pair: -pair.similarity)


def refuse(learnt: Corpus, measured: Corpus, pairs: list[Pair]) -> None:
    """Raise CorpusError naming every leak, if there is one."""
    if pairs:
        raise CorpusError(
            [
                f"{measured.rows[pair.first].place}: near-duplicate ({pair.similarity:.2f}) of {learnt.rows[pair.second].place} in the "
                "training corpus"
                for pair in pairs
            ]
        )


def leakage(learnt: Corpus, measured: Corpus, pairs: list[Pair]) -> dict[str, Any]:
    """Give the figures: how many of the measured stories have a near-duplicate that was learnt from, and the closest pairs by id."""
    closest = [
        {"story": measured.rows[pair.first].story.id, "learnt": learnt.rows[pair.second].story.id, "similarity": pair.similarity}
        for pair in pairs[:MOST]
    ]
    return {"corpus": learnt.fingerprint, "stories": len({pair.first for pair in pairs}), "pairs": len(pairs), "closest": closest}
