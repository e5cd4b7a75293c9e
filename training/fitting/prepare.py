"""A corpus with its n-grams counted: what every fit starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.model.fold import fold_table
from service.model.tokens import TokenRule
from training.corpus.stories import Corpus
from training.fitting.features import Counts, HashCollisionError, count_ngrams
from training.fitting.fit import Fitted, Settings, fit

SEEDS = 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """A corpus, the settings, the token rule, and the counts that this rule gives; row i of the counts is story i of the corpus."""

    corpus: Corpus
    settings: Settings
    rule: TokenRule
    counts: Counts

    def fit(self) -> Fitted:
        """Fit on all of it."""
        tones = self.corpus.tones if self.corpus.labels.tones else self.corpus.tones[:0]
        return fit(self.counts, self.corpus.topics, tones, self.settings)

    def part(self, stories: NDArray[np.int64]) -> Prepared:
        """Keep only some stories, and the n-grams that are frequent enough among them."""
        corpus = Corpus(self.corpus.labels, tuple(self.corpus.rows[index] for index in stories), self.corpus.lexicon)
        return Prepared(corpus, self.settings, self.rule, self.counts.part(stories, self.settings.min_df))


def prepare(corpus: Corpus, settings: Settings) -> Prepared:
    """Count the corpus's n-grams, under the first hash seed that keeps them all apart."""
    for seed in range(SEEDS):
        rule, check = (_rule(corpus, settings, number) for number in (seed, SEEDS + seed))
        try:
            counts = count_ngrams(corpus.texts, rule, check, min_df=settings.min_df, stop_words=settings.stop_words)
            return Prepared(corpus, settings, rule, counts)
        except HashCollisionError:
            continue
    raise RuntimeError(f"n-grams share hashes under each of {SEEDS} seeds: the token rule is broken")


def _rule(corpus: Corpus, settings: Settings, seed: int) -> TokenRule:
    return TokenRule.make(fold_table(), longest=settings.ngrams, stop_words=settings.stop_words, lexicon=corpus.lexicon, seed=seed)
