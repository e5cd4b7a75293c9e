"""Which columns of the input are read and kept, and what is added to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.errors import ColumnError, StoryError
from service.model.columns import Added
from service.model.story import Story


@dataclass(frozen=True)
class Columns:
    """The names in play. kept: the input's columns to keep, None for all; added: those that scoring adds, in their order."""

    added: tuple[Added, ...]
    title: str = "title"
    text: str = "text"
    id: str = "id"
    kept: tuple[str, ...] | None = None

    @property
    def added_names(self) -> list[str]:
        return [column.name for column in self.added]

    @cached_property
    def _reserved(self) -> frozenset[str]:
        return frozenset(self.added_names)

    @cached_property
    def read(self) -> dict[str, str]:
        """Map a story's fields to the columns they are read from."""
        return {"id": self.id, "title": self.title, "text": self.text}

    def story(self, record: Mapping[str, Any]) -> Story:
        """Read a row's story. Raises StoryError, in the words of the file's own columns."""
        try:
            return Story.from_record({field: record.get(column) for field, column in self.read.items()})
        except StoryError as error:
            raise StoryError([(self.read.get(field, field), reason) for field, reason in error.faults]) from None

    def keep(self, record: dict[str, Any], place: str) -> dict[str, Any]:
        """Give the part of a row that is kept. Raises ColumnError when it bears the name of an added column."""
        part = record if self.kept is None else {name: value for name, value in record.items() if name in self.kept}
        self._refuse_taken(part, place)
        return part

    def kept_of(self, header: Iterable[str]) -> list[str]:
        """Give the columns of a header that are kept, in its order."""
        return [name for name in header if self.kept is None or name in self.kept]

    def check_header(self, header: Sequence[str], file: str) -> None:
        """Check a file that names its columns at its head. Raises ColumnError on an absent or already taken name."""
        missing = [name for name in self.kept or () if name not in header]
        if missing:
            raise ColumnError(f"{file}: has no column {missing[0]!r} to keep; it has {', '.join(header)}")
        if self.text not in header and self.title not in header:
            advice = "name its own with --text-column or --title-column"
            raise ColumnError(f"{file}: has neither a column {self.text!r} nor {self.title!r}, only {', '.join(header)}; {advice}")
        self._refuse_taken(self.kept_of(header), file)

    def _refuse_taken(self, names: Iterable[str], place: str) -> None:
        if not self._reserved.isdisjoint(names):
            taken = self._reserved.intersection(names)
            advice = "give --prefix, such as --prefix predicted_, or leave it out with --columns"
            raise ColumnError(f"{place}: has a column {min(taken)!r} already; {advice}")
