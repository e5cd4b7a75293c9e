"""What stands on disk: whole, checked, and the same bytes for the same training."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from service.errors import ArtifactError
from service.model import artifact, swap
from training.corpus.stories import Corpus
from training.fitting.fit import Settings
from training.train import Trained, train

Spoil = Callable[[Path], object]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_training_twice_gives_the_same_bytes(small_corpus: Corpus, small_model_dir: Path, tmp_path: Path) -> None:
    train(small_corpus, Settings()).write(tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(small_model_dir)


def test_another_seed_gives_another_model(small_corpus: Corpus, small_model_dir: Path, tmp_path: Path) -> None:
    train(small_corpus, Settings(seed=1)).write(tmp_path / "other")
    assert bytes_of(tmp_path / "other")["manifest.json"] != bytes_of(small_model_dir)["manifest.json"]


def test_arrays_read_back_equal_what_safetensors_reads(small_model_dir: Path) -> None:
    mapped = artifact.map_arrays(small_model_dir / artifact.ARRAYS)
    with safe_open(small_model_dir / artifact.ARRAYS, framework="numpy") as file:
        assert set(file.keys()) == set(mapped)
        for name in file.keys():  # noqa: SIM118  # safe_open is no mapping
            np.testing.assert_array_equal(file.get_tensor(name), mapped[name])
            assert not mapped[name].flags.writeable


def test_a_model_read_back_is_the_one_that_was_trained(small_trained: Trained, small_model_dir: Path) -> None:
    model = artifact.read(small_model_dir)
    assert model.name == small_trained.manifest["name"]
    assert model.thresholds == small_trained.manifest["thresholds"]
    assert tuple(model.terms()) == small_trained.terms
    assert model.metrics() == json.loads(json.dumps(small_trained.metrics))
    np.testing.assert_array_equal(model.weights, small_trained.arrays["weights"])


def test_no_file_of_a_model_is_a_pickle(small_model_dir: Path) -> None:
    names = {file.name for file in small_model_dir.iterdir()}
    assert names == {"model.safetensors", "manifest.json", "terms.txt", "metrics.json", "card.md", "report.html"}
    for file in small_model_dir.iterdir():
        assert not file.read_bytes().startswith((b"\x80", b"PK", b"(c"))


def edit_manifest(change: Callable[[dict[str, object]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return spoil


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / artifact.ARRAYS).read_bytes())
    data[-1] ^= 1
    (folder / artifact.ARRAYS).write_bytes(data)


def cut(folder: Path) -> None:
    data = (folder / artifact.ARRAYS).read_bytes()
    (folder / artifact.ARRAYS).write_bytes(data[: len(data) // 2])


SPOILT: list[tuple[str, Spoil, str]] = [
    ("manifest gone", lambda folder: (folder / "manifest.json").unlink(), "not a model folder"),
    ("manifest no JSON", lambda folder: (folder / "manifest.json").write_text("{"), "not JSON"),
    ("manifest a list", lambda folder: (folder / "manifest.json").write_text("[]"), "format None"),
    ("newer format", edit_manifest(lambda manifest: manifest.update(format=99)), "upgrade this package"),
    ("older format", edit_manifest(lambda manifest: manifest.update(format=0)), "make it again"),
    ("no digests", edit_manifest(lambda manifest: manifest.pop("files")), "lists no digest"),
    ("file outside", edit_manifest(lambda manifest: manifest["files"].update({"../x": {"sha256": ""}})), "must be plain"),
    ("threshold gone", edit_manifest(lambda manifest: manifest.update(thresholds={})), "KeyError"),
    ("arrays changed", flip_a_byte, "was changed or cut"),
    ("arrays cut", cut, "was changed or cut"),
    ("arrays gone", lambda folder: (folder / artifact.ARRAYS).unlink(), "cannot be read"),
    ("card changed", lambda folder: (folder / "card.md").write_text("better"), "was changed or cut"),
]


@pytest.mark.parametrize(("spoil", "message"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
def test_a_spoilt_model_is_refused_and_the_message_says_what_to_do(
    small_model_dir: Path, tmp_path: Path, spoil: Spoil, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(small_model_dir, folder)
    spoil(folder)
    with pytest.raises(ArtifactError, match=message) as caught:
        artifact.read(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("table", np.array([[0, 0], [5, 10**6]], np.uint64)),
        ("table", np.array([[0, 0], [5, 10**6 << 32]], np.uint64)),
        ("table", np.array([[7, 0], [5, 0]], np.uint64)),
        ("fold_pages", np.full(4352, 10**6, np.int32)),
        ("fold_values", np.full(149760, -(10**6), np.int32)),
        ("weights", np.zeros((3, 2))),
    ],
    ids=["row outside", "class outside", "full table", "page outside", "expansion outside", "columns missing"],
)
def test_arrays_that_would_lead_the_kernel_astray_are_refused(small_trained: Trained, tmp_path: Path, name: str, array: np.ndarray) -> None:
    artifact.write(tmp_path / "crafted", small_trained.manifest, {**small_trained.arrays, name: array}, {})
    with pytest.raises(ArtifactError):
        artifact.read(tmp_path / "crafted")


def test_writing_replaces_a_model_but_nothing_else(small_trained: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    small_trained.write(folder)
    small_trained.write(folder)
    assert artifact.read(folder).name == small_trained.manifest["name"]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ArtifactError, match="is not a model folder"):
        small_trained.write(other)
    assert (other / "thesis.txt").read_text() == "precious"


def test_a_model_is_at_its_place_at_every_moment_of_its_replacement(small_trained: Trained, tmp_path: Path) -> None:
    """Another process looks on without pause while the model is written over and over."""
    folder = tmp_path / "model"
    small_trained.write(folder)
    code = "import pathlib, sys; place = pathlib.Path(sys.argv[1]) / 'manifest.json'\nwhile True: place.stat()"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stderr=subprocess.PIPE) as watcher:
        for _ in range(20):
            small_trained.write(folder)
        alive = watcher.poll() is None
        watcher.kill()
    assert alive


def test_where_folders_cannot_be_exchanged_they_are_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap.sys, "platform", "elsewhere")
    fresh, place = tmp_path / "fresh", tmp_path / "place"
    for folder in (fresh, place):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    swap.swap_in(fresh, place)
    assert (place / "name").read_text() == "fresh"
    assert (fresh / "name").read_text() == "place"
