"""Fixtures that several kinds of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.model.artifact import read
from service.model.tagger import Tagger
from training.corpus import Corpus, read_corpus
from training.fit import Settings
from training.train import Trained, train

ROOT = Path(__file__).parent.parent
DATASETS = ROOT / "datasets"
DEFAULT = ROOT / "models" / "default"


@pytest.fixture(scope="session")
def shipped_corpus() -> Corpus:
    return read_corpus([DATASETS])


@pytest.fixture(scope="session")
def small_corpus(shipped_corpus: Corpus) -> Corpus:
    """Make a corpus of some three hundred stories: enough to learn something in a second."""
    step = len(shipped_corpus.rows) // 300
    return Corpus(shipped_corpus.labels, shipped_corpus.rows[::step], shipped_corpus.lexicon)


@pytest.fixture(scope="session")
def small_trained(small_corpus: Corpus) -> Trained:
    return train(small_corpus, Settings())


@pytest.fixture(scope="session")
def small_model_dir(small_trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    small_trained.write(folder)
    return folder


@pytest.fixture(scope="session")
def small_tagger(small_model_dir: Path) -> Tagger:
    return Tagger(read(small_model_dir))


@pytest.fixture(scope="session")
def default_tagger() -> Tagger:
    return Tagger(read(DEFAULT))
