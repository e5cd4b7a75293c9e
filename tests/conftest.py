"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from service.model.artifact import read
from service.model.current import ENVIRONMENT
from service.model.tagger import Tagger
from training.corpus.stories import Corpus, LabelledStory, read_corpus
from training.fitting.fit import Settings
from training.train import Trained, train

ROOT = Path(__file__).parent.parent
DATASETS = ROOT / "datasets"
DEFAULT = ROOT / "models" / "default"


@pytest.fixture(scope="session", autouse=True)
def models_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let no test depend on what was promoted in this checkout: a models folder with nothing but the shipped model."""
    folder = tmp_path_factory.mktemp("own") / "models"
    folder.mkdir()
    (folder / "default").symlink_to(DEFAULT)
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = str(folder)
    yield folder
    os.environ.pop(ENVIRONMENT)
    if before is not None:
        os.environ[ENVIRONMENT] = before


@pytest.fixture(scope="session")
def shipped_corpus() -> Corpus:
    return read_corpus([DATASETS])


@pytest.fixture(scope="session")
def small_corpus(shipped_corpus: Corpus) -> Corpus:
    return small_part(shipped_corpus)


def small_part(corpus: Corpus) -> Corpus:
    """Make a corpus of some three hundred stories: enough to learn something in a second."""
    return Corpus(corpus.labels, corpus.rows[:: len(corpus.rows) // 300], corpus.lexicon)


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


@pytest.fixture(scope="session")
def rival_dir(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model about as good as the small one."""
    folder = tmp_path_factory.mktemp("models") / "rival"
    train(small_corpus, Settings(seed=1, C=20.0)).write(folder)
    return folder


@pytest.fixture(scope="session")
def misled_dir(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model that is much worse than the small one: each story learnt with the labels of the next."""
    rows = small_corpus.rows
    others = (*rows[1:], rows[0])
    wrong = tuple(LabelledStory(row.story, other.topics, other.tone, row.place) for row, other in zip(rows, others, strict=True))
    folder = tmp_path_factory.mktemp("models") / "misled"
    train(Corpus(small_corpus.labels, wrong, small_corpus.lexicon), Settings()).write(folder)
    return folder


@pytest.fixture(scope="session")
def small_corpus_dir(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, {"stories.jsonl": small_corpus.rows})
    return folder


def write_corpus(folder: Path, files: dict[str, Sequence[LabelledStory]]) -> None:
    """Write labelled stories under the shipped scheme and lexicon."""
    folder.mkdir(exist_ok=True)
    for name in ("labels.json", "lexicon.txt"):
        (folder / name).write_bytes((DATASETS / name).read_bytes())
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(record(row)) + "\n" for row in rows), "utf-8")


def record(row: LabelledStory) -> dict[str, object]:
    """Give a labelled story as a row of a file."""
    story = row.story
    return {"id": story.id, "title": story.title, "text": story.text, "topics": list(row.topics), "tone": row.tone, **row.extra}
