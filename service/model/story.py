"""A story, and the one rule for how a story becomes text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import StoryError
from service.model.furniture import blank_furniture

SEPARATOR = "\n\n"


@dataclass(frozen=True, slots=True)
class Story:
    """What a model reads: a title, a text, or both; the id is the caller's own and comes back unchanged."""

    id: str | None = None
    title: str = ""
    text: str = ""

    @property
    def joined(self) -> str:
        """The text that tokens are taken from: the title, a blank line, the text with its page furniture blanked."""
        text = blank_furniture(self.text)
        return f"{self.title}{SEPARATOR}{text}" if self.title else text

    def locate(self, start: int, end: int) -> tuple[str, int, int]:
        """Turn a span of `joined` into (field, start, end) of the caller's own field, in code points.

        A span that runs from the title into the text is cut at the title's end.
        """
        if start < len(self.title):
            return "title", start, min(end, len(self.title))
        shift = len(self.title) + len(SEPARATOR) if self.title else 0
        return "text", start - shift, end - shift

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Story:
        """Read `id`, `title` and `text` from a record; other keys are not looked at.

        Raises StoryError naming every field that is not usable. An absent or null field counts as empty.
        """
        faults = [(field, f"must be text, not {kind(record[field])}") for field in ("title", "text") if not _is_text(record.get(field))]
        key = record.get("id")
        if key is not None and (isinstance(key, bool) or not isinstance(key, str | int)):
            faults.append(("id", f"must be text or a whole number, not {kind(key)}"))
        title, text = record.get("title") or "", record.get("text") or ""
        if not faults and not title.strip() and not text.strip():
            faults.append(("text", "neither title nor text holds anything"))
        if faults:
            raise StoryError(faults)
        return cls(id=None if key is None else str(key), title=title, text=text)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def kind(value: Any) -> str:
    """Say in a JSON user's words what sort of value this is."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
