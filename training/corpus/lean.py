"""What in a corpus would teach a model the wrong thing: names that decide a label, and frames that recur."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from training.corpus.stories import Corpus

FEWEST_STORIES = 15
LEAST = 0.8
FRAME_WORDS = 6
FRAME_SHARE = 0.005
FEWEST_FRAMES = 5
Z = 1.96
NAME = re.compile(r"(?<=[a-z0-9,] )[A-Z][^\W\d_]+(?:['’-][A-Z]?[^\W\d_]+)*")
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Lean:
    """A name whose presence alone predicts a label: `share` of its `stories` have it."""

    name: str
    label: str
    stories: int
    share: float


def leaning_names(corpus: Corpus) -> list[Lean]:
    """Find names (words written with a capital inside sentences) that predict a label.

    A name is reported when the lower end of the 95 % Wilson interval of the label's share among its stories is at least 0.8.
    """
    stories: dict[str, set[int]] = defaultdict(set)
    for index, row in enumerate(corpus.rows):
        for name in set(NAME.findall(row.story.text)):
            stories[name].add(index)
    lower = Counter(word for row in corpus.rows for word in set(re.findall(r"(?<= )[a-z]+", row.story.text)))
    names = {name: found for name, found in stories.items() if len(found) >= FEWEST_STORIES and lower[name.lower()] * 10 < len(found)}
    leans = [lean for name, found in names.items() for lean in _leans(corpus, name, found)]
    return sorted(leans, key=lambda lean: (-lean.share, -lean.stories, lean.name))


def _leans(corpus: Corpus, name: str, found: set[int]) -> Iterator[Lean]:
    counts = Counter(label for index in found for label in (*corpus.rows[index].topics, corpus.rows[index].tone) if label)
    for label, count in counts.items():
        if wilson_low(count, len(found)) >= LEAST:
            yield Lean(name, label, len(found), count / len(found))


def wilson_low(hits: int, total: int) -> float:
    """Give the lower end of the 95 % interval of a share (Wilson 1927)."""
    share = hits / total
    spread = Z * sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return (share + Z**2 / (2 * total) - spread) / (1 + Z**2 / total)


def repeated_frames(corpus: Corpus) -> list[tuple[str, int]]:
    """Find runs of six words that stand in more than 0.5 % of the stories (and in five at least), with the number of stories."""
    counts = Counter(frame for text in corpus.texts for frame in _frames(text))
    least = max(FEWEST_FRAMES, FRAME_SHARE * len(corpus.rows))
    return sorted(((frame, count) for frame, count in counts.items() if count > least), key=lambda pair: (-pair[1], pair[0]))


def _frames(text: str) -> set[str]:
    words = WORD.findall(text.lower())
    return {" ".join(words[start : start + FRAME_WORDS]) for start in range(len(words) - FRAME_WORDS + 1)}
