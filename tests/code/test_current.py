"""Which model is used when none is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import service
from service.errors import ArtifactError
from service.http.app import create_app
from service.http.loading import EXTENSION
from service.model import current
from service.model.artifact import default_model, read
from tests.conftest import DEFAULT, ROOT


@pytest.fixture
def models(tmp_path: Path, small_model_dir: Path, rival_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a models folder with two models, and let the service use it."""
    folder = tmp_path / "models"
    shutil.copytree(small_model_dir, folder / "default")
    shutil.copytree(rival_dir, folder / "rival")
    monkeypatch.setenv("CONFLICT_MODELS", str(folder))
    return folder


def test_without_a_pointer_it_is_default_and_with_one_the_named(models: Path, small_model_dir: Path, rival_dir: Path) -> None:
    assert service.load().model.name == read(small_model_dir).name
    (models / "current").write_text("rival\n")
    assert service.load().model.name == read(rival_dir).name
    assert service.load(models / "default").model.name == read(small_model_dir).name


def test_the_http_app_serves_the_current_model(models: Path, rival_dir: Path) -> None:
    (models / "current").write_text("rival")
    app = create_app()
    app.extensions[EXTENSION].wait(30)
    assert app.test_client().get("/readyz").json == {"status": "ready", "model": read(rival_dir).name}


def test_a_checkout_has_its_own_models_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFLICT_MODELS")
    assert current.models_folder() == ROOT / "models"


def test_an_installed_package_uses_the_model_that_travels_with_it(monkeypatch: pytest.MonkeyPatch, small_model_dir: Path) -> None:
    monkeypatch.delenv("CONFLICT_MODELS")
    monkeypatch.setattr(current, "INSTALLED", small_model_dir)
    assert current.models_folder() is None
    assert default_model() == small_model_dir


def test_default_is_the_shipped_model_where_the_folder_has_none(models: Path) -> None:
    shutil.rmtree(models / "default")
    assert default_model() == DEFAULT


BAD_POINTERS: list[tuple[bytes, str]] = [
    (b"gone", r"current names 'gone' as the current model, but .*gone is no folder; name another with `conflict-training promote`"),
    (b"", "'' is no name of a folder; write the name of a model folder beside it, or remove it"),
    (b"../default", "'../default' is no name of a folder"),
    (b"a/b", "'a/b' is no name of a folder"),
    (b".hidden", "'.hidden' is no name of a folder"),
    (b"rival\ndefault\n", "is no name of a folder"),
    (b"\xff\xfe", "current: cannot be read"),
    (b"current", "'current' is no name of a folder"),
]


@pytest.mark.parametrize(("pointer", "message"), BAD_POINTERS, ids=[row[0].decode("latin-1") for row in BAD_POINTERS])
def test_a_pointer_that_leads_nowhere_is_an_error_that_says_what_to_do(models: Path, pointer: bytes, message: str) -> None:
    (models / "current").write_bytes(pointer)
    with pytest.raises(ArtifactError, match=message):
        service.load()


def test_a_pointer_that_is_a_folder_is_an_error(models: Path) -> None:
    (models / "current").mkdir()
    with pytest.raises(ArtifactError, match="cannot be read"):
        service.load()


def test_a_broken_current_model_is_an_error_that_says_how_to_go_back(models: Path) -> None:
    (models / "current").write_text("rival\n")
    (models / "rival" / "card.md").write_text("changed")
    with pytest.raises(ArtifactError, match=r"(?s)was changed or cut.*rival is the current model: .*conflict-training rollback"):
        service.load()


def test_a_models_folder_that_is_not_there_is_an_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLICT_MODELS", str(models / "nowhere"))
    with pytest.raises(ArtifactError, match=r"CONFLICT_MODELS names .*nowhere, which is no folder"):
        service.load()


def test_the_manifest_says_which_model_answers(models: Path, rival_dir: Path) -> None:
    (models / "current").write_text("rival\n")
    [tags] = service.load().tag([service.story(text="Two killed at the border")])  # type: ignore[list-item]
    assert tags.topics
    assert json.loads((rival_dir / "manifest.json").read_bytes())["name"] == service.load().model.name
