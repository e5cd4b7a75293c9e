"""Settings go into the manifest and come back; what was recorded makes the model again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import ModelError
from service.model.artifact import Model, read
from training.corpus.stories import Corpus
from training.fitting.fit import Settings
from training.registry.verify import check, remake
from training.train import train


@pytest.fixture(scope="module")
def model(small_model_dir: Path) -> Model:
    return read(small_model_dir)


def doctored(source: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Model:
    shutil.copytree(source, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return read(folder)


@pytest.mark.parametrize("settings", [Settings(), Settings(ngrams=1, min_df=3, class_factor=1.5, C=7.0, stop_words=("the", "of"), seed=4)])
def test_settings_come_back_from_json_as_they_went(settings: Settings) -> None:
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_settings_of_a_manifest_are_those_it_was_trained_with(model: Model) -> None:
    assert Settings.from_json(model.manifest["settings"]) == Settings()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": 1}, "magic: not known to this version"),
        ({"ngrams": "two"}, "ngrams: 'two'"),
        ({"min_df": 2.5}, "min_df: 2.5"),
        ({"stop_words": "the"}, "stop_words: 'the'"),
    ],
)
def test_settings_that_cannot_be_used_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Settings.from_json({**Settings().to_json(), **change})
    with pytest.raises(ModelError, match="seed: missing"):
        Settings.from_json({name: value for name, value in Settings().to_json().items() if name != "seed"})


def test_a_model_with_settings_of_its_own_is_made_again_to_the_byte(small_corpus: Corpus, tmp_path: Path) -> None:
    train(small_corpus, Settings(ngrams=1, stop_words=("the", "of"), C=5.0, folds=3)).write(tmp_path / "own")
    found = remake(read(tmp_path / "own"), small_corpus)
    assert found.differences == found.elsewhere == ()


def test_another_corpus_is_refused_naming_both_fingerprints(model: Model, small_corpus: Corpus) -> None:
    other = Corpus(small_corpus.labels, small_corpus.rows[1:], small_corpus.lexicon)
    with pytest.raises(ModelError, match=f"fingerprint {other.fingerprint}, but the model was made with {small_corpus.fingerprint}"):
        remake(model, other)


def test_other_settings_than_the_true_ones_are_found_out(small_model_dir: Path, small_corpus: Corpus, tmp_path: Path) -> None:
    found = remake(doctored(small_model_dir, tmp_path / "m", lambda manifest: manifest["settings"].update(C=1.0)), small_corpus)
    assert "model.safetensors: other bytes" in found.differences


def test_on_other_libraries_weights_are_compared_instead(small_model_dir: Path, small_corpus: Corpus, tmp_path: Path) -> None:
    def elsewhere(manifest: dict[str, Any]) -> None:
        manifest["versions"].update({"numpy": "1.0", "machine": "abacus"})

    found = remake(doctored(small_model_dir, tmp_path / "m", elsewhere), small_corpus)
    assert found.differences == ()
    assert [line.split(",")[0] for line in found.elsewhere] == ["numpy: made with 1.0", "machine: made with abacus"]


def test_on_other_libraries_other_weights_are_found_out(small_model_dir: Path, small_corpus: Corpus, tmp_path: Path) -> None:
    def elsewhere(manifest: dict[str, Any]) -> None:
        manifest["versions"]["numpy"] = "1.0"
        manifest["settings"]["C"] = 29.0

    found = remake(doctored(small_model_dir, tmp_path / "m", elsewhere), small_corpus)
    assert [line.split(":")[0] for line in found.differences] == ["weights", "bias", "thresholds"]
    other = remake(
        doctored(small_model_dir, tmp_path / "n", lambda manifest: (elsewhere(manifest), manifest["settings"].update(min_df=3))),
        small_corpus,
    )
    assert other.differences[0].startswith("n-grams: others")


def test_the_test_set_that_it_was_measured_on_has_to_be_given(small_corpus: Corpus, model: Model, tmp_path: Path) -> None:
    test = Corpus(small_corpus.labels, small_corpus.rows[:50], small_corpus.lexicon)
    train(small_corpus, Settings(folds=2), test=test).write(tmp_path / "tested")
    tested = read(tmp_path / "tested")
    assert remake(tested, small_corpus, test).differences == ()
    with pytest.raises(ModelError, match=f"measured on a test set .*{test.fingerprint}.*--test"):
        remake(tested, small_corpus)
    with pytest.raises(ModelError, match="the test set has the fingerprint"):
        remake(tested, small_corpus, small_corpus)
    with pytest.raises(ModelError, match="leave --test out"):
        remake(model, small_corpus, test)


def test_check_names_model_and_files(model: Model) -> None:
    assert check(model) == [f"model {model.name}", "digests of 5 files agree with the manifest", "self-test passed"]
