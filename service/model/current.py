"""Which model of a models folder is current: the one that its pointer names, a small text file beside the models.

The service only reads the pointer; `training.registry.models` moves it.
"""

from __future__ import annotations

import os
from pathlib import Path

from service.errors import ArtifactError

ENVIRONMENT = "CONFLICT_MODELS"
POINTER = "current"
DEFAULT = "default"
PACKAGE = Path(__file__).parent.parent
INSTALLED = PACKAGE / "default_model"
MEND = "name another with `conflict-training promote`, go back with `conflict-training rollback`, or give --model DIR"


def models_folder() -> Path | None:
    """Find the models folder: the one that CONFLICT_MODELS names, else a checkout's own; None for an installed package without either.

    What lies beside an installed package is not ours, so nothing is looked for there. Raises ArtifactError when CONFLICT_MODELS names no
    folder.
    """
    named = os.environ.get(ENVIRONMENT)
    if named and not Path(named).is_dir():
        raise ArtifactError(f"{ENVIRONMENT} names {named}, which is no folder; name the folder that holds your models, or unset it")
    if named:
        return Path(named)
    return None if INSTALLED.is_dir() else PACKAGE.parent / "models"


def shipped_model() -> Path:
    """Find the model that is shipped: inside the installed package, or in a checkout's `models/`."""
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent / "models" / DEFAULT


def current_name(models: Path) -> str:
    """Read the pointer: the name of a folder beside it; without a pointer it is `default`.

    Raises ArtifactError when the pointer is not readable or holds no plain name.
    """
    pointer = models / POINTER
    try:
        name = pointer.read_text("utf-8").strip()
    except FileNotFoundError:
        return DEFAULT
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{pointer}: cannot be read ({error}); write the name of a model folder beside it, or remove it") from error
    if not is_plain(name):
        raise ArtifactError(
            f"{pointer}: {name[:80]!r} is no name of a folder; write the name of a model folder beside it, or remove it to use {DEFAULT!r}"
        )
    return name


def is_plain(name: str) -> bool:
    """Say whether a folder's name may stand in the pointer: one visible name, no path."""
    visible = name != "" and name.isprintable() and name == name.strip() and not name.startswith(".")
    return visible and Path(name).name == name and name != POINTER


def folder_of(models: Path, name: str) -> Path:
    """Say where a model of a models folder lies; `default` is the shipped one where the models folder has none of its own."""
    folder = models / name
    return shipped_model() if name == DEFAULT and not folder.exists() else folder


def current_model() -> Path:
    """Find the current model's folder. Raises ArtifactError when the pointer names none."""
    models = models_folder()
    if models is None:
        return shipped_model()
    name = current_name(models)
    folder = folder_of(models, name)
    if not folder.is_dir():
        raise ArtifactError(f"{models / POINTER} names {name!r} as the current model, but {folder} is no folder; {MEND}")
    return folder
