"""Which settings are given, and which are to be searched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from service.errors import ConflictError
from training.fitting.fit import Settings
from training.fitting.thresholds import Target

CHOICES: dict[str, tuple[Any, ...]] = {
    "naive_bayes": (0.0, 0.3, 0.6, 0.9),
    "C": (3.0, 10.0, 30.0, 100.0, 300.0),
    "class_factor": (1.0, 2.0),
    "balanced": (False, True),
    "min_df": (2, 3),
}


def read_settings(path: Path) -> dict[str, Any]:
    """Read a `settings.json`, which fixes settings by name; empty when there is no such file. Raises ConflictError with every fault."""
    try:
        given: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConflictError(f"{path}: not JSON: {error}") from error
    faults = list(_faults(given)) if isinstance(given, dict) else ["must be an object of setting: value"]
    if faults:
        raise ConflictError("\n".join(f"{path}: {fault}" for fault in faults))
    return given | ({"stop_words": tuple(given["stop_words"])} if "stop_words" in given else {})


def _faults(given: Mapping[str, Any]) -> list[str]:
    kinds = {field.name: field.default for field in fields(Settings)}
    faults = [f"unknown setting {name!r}; known are {', '.join(kinds)}" for name in given if name not in kinds]
    for name, value in given.items():
        if name in kinds and not _fits(value, kinds[name]):
            faults.append(f"{name}: {value!r} is not usable; the default is {kinds[name]!r}")
    return faults


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if isinstance(default, tuple):
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return isinstance(value, str)


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Make settings from given ones and defaults. Raises ConflictError on an unusable target."""
    settings = replace(Settings(), **given)
    Target.parse(settings.target)
    return settings
