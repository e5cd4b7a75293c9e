"""The label scheme: which topics and tones there are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from service.errors import LabelSchemeError
from service.model.story import kind

NAME = re.compile(r"[^\W_][\w .-]{0,63}")
HEADS = ("topics", "tone")
RESERVED = ("tone", "topics")


@dataclass(frozen=True)
class LabelScheme:
    """Topics (any of them apply to a story) and tones (one applies), each with a one-line definition.

    Either may be empty, not both. Model columns are `columns`: the topics, then the tones, in the scheme's order.
    """

    topics: Mapping[str, str]
    tones: Mapping[str, str]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return (*self.topics, *self.tones)

    def to_json(self) -> dict[str, dict[str, str]]:
        heads = {"topics": dict(self.topics), "tone": dict(self.tones)}
        return {head: labels for head, labels in heads.items() if labels}

    @classmethod
    def from_json(cls, scheme: Any, place: str = "label scheme") -> LabelScheme:
        """Check a decoded `labels.json`. Raises LabelSchemeError with every fault in it."""
        faults = list(_faults(scheme))
        if faults:
            raise LabelSchemeError("\n".join(f"{place}: {fault}" for fault in faults))
        return cls(topics=dict(scheme.get("topics", {})), tones=dict(scheme.get("tone", {})))

    @classmethod
    def read(cls, path: Path) -> LabelScheme:
        """Read a `labels.json` file. Raises LabelSchemeError when it is missing or not usable."""
        try:
            scheme = json.loads(path.read_bytes())
        except OSError as error:
            raise LabelSchemeError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise LabelSchemeError(f"{path}: not JSON: {error}") from error
        return cls.from_json(scheme, str(path))


def _faults(scheme: Any) -> list[str]:
    if not isinstance(scheme, dict):
        return ['must be an object such as {"topics": {"name": "definition"}, "tone": {"name": "definition"}}']
    faults = [f"unknown key {key!r}; known are 'topics' and 'tone'" for key in scheme if key not in HEADS]
    for head in HEADS:
        faults += _head_faults(head, scheme.get(head, {}))
    if faults:
        return faults
    topics, tones = scheme.get("topics", {}), scheme.get("tone", {})
    if not topics and not tones:
        return ["neither topics nor tone has a label"]
    if len(tones) == 1:
        faults.append("tone needs at least two labels, or none")
    return faults + [f"{name!r} is both a topic and a tone" for name in topics if name in tones]


def _head_faults(head: str, labels: Any) -> list[str]:
    if not isinstance(labels, dict):
        return [f"{head} must be an object of name: definition, not {kind(labels)}"]
    faults = [
        f"{head}: {name!r} is not a usable name (letters, digits, space, . _ -; 64 at most)" for name in labels if not NAME.fullmatch(name)
    ]
    faults += [f"{head}: the name {name!r} is reserved" for name in labels if name in RESERVED]
    return faults + [f"{head}: the definition of {name!r} must be text" for name, text in labels.items() if not isinstance(text, str)]
