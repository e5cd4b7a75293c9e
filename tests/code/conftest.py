"""What tests of scoring files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.batch import chunks, parquet
from tests.code.story_files import Scorer
from training.corpus.stories import Corpus


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every few rows make a chunk, so that small files have many."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    monkeypatch.setattr(parquet, "SLICE_ROWS", 3)
    return


@pytest.fixture
def score(small_model_dir: Path, tmp_path: Path) -> Scorer:
    return Scorer(small_model_dir, tmp_path)


@pytest.fixture
def stories(small_corpus: Corpus) -> list[dict[str, Any]]:
    return [{"n": number, "title": row.story.title, "text": row.story.text} for number, row in enumerate(small_corpus.rows[:20])]
