"""What a corpus holds, and what in it would mislead a model."""

from __future__ import annotations

from training.corpus import Corpus, too_few


def report(corpus: Corpus) -> tuple[list[str], list[str]]:
    """Describe a corpus: lines for a person, and faults that have to be mended before training."""
    total = len(corpus.rows)
    lines = [f"{total} stories, fingerprint {corpus.fingerprint}", ""]
    lines += [f"{label:24}{count:>8}{count / total:>8.1%}" for label, count in corpus.counts().items()]
    return lines, too_few(corpus)
