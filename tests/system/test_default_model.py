"""The shipped model is what the shipped corpus makes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.model import artifact
from service.model.tagger import Tagger
from tests.conftest import DATASETS, DEFAULT
from training.corpus.stories import Corpus
from training.fitting.settings import read_settings, settings_from
from training.train import train


@pytest.fixture(scope="module")
def again(shipped_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("again") / "default"
    settings = settings_from(read_settings(DATASETS / "settings.json"))
    train(shipped_corpus, settings).write(folder)
    return folder


def test_it_was_made_from_the_corpus_as_it_stands(default_tagger: Tagger, shipped_corpus: Corpus) -> None:
    assert default_tagger.model.manifest["corpus"]["fingerprint"] == shipped_corpus.fingerprint
    default_tagger.self_test()


def test_training_makes_it_again(again: Path, shipped_corpus: Corpus) -> None:
    """To the byte where libraries and machine are those it was made with; on others to 1e-6, every tag the same."""
    old, new = artifact.read(DEFAULT), artifact.read(again)
    if old.manifest["versions"] == new.manifest["versions"]:
        assert {file.name: file.read_bytes() for file in DEFAULT.iterdir()} == {file.name: file.read_bytes() for file in again.iterdir()}
    assert old.terms() == new.terms()
    assert old.manifest["settings"] == new.manifest["settings"]
    np.testing.assert_array_equal(old.tokens.table, new.tokens.table)
    np.testing.assert_allclose(old.weights, new.weights, rtol=0, atol=1e-6)
    assert new.thresholds == pytest.approx(dict(old.thresholds), abs=1e-6)
    stories = [row.story for row in shipped_corpus.rows]
    assert [(tags.topics, tags.tone) for tags in Tagger(old).tag(stories)] == [
        (tags.topics, tags.tone) for tags in Tagger(new).tag(stories)
    ]


def test_the_card_states_the_figures_of_the_metrics() -> None:
    card = (DEFAULT / "card.md").read_text("utf-8")
    for label, row in json.loads((DEFAULT / "metrics.json").read_bytes())["cross_validation"]["labels"].items():
        assert f"| {label} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f}" in card
