"""What one chunk becomes: the bytes of its part of the output, as JSONL, CSV or Parquet."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from service.batch.columns import Columns
from service.rows import is_utf8

Record = dict[str, Any]
Values = Sequence[Any]


def plain(value: Any) -> str:
    """Give a value that JSON has no kind for as text: binary in base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=plain)


class UnwritableError(ValueError):
    """A row holds something that the format of the output cannot."""


class Part(Protocol):
    """Takes a chunk's rows, then the values that scoring adds to each, in the same order."""

    def keep(self, record: Record, line: int) -> None:
        """Take a row. Raises UnwritableError, and takes nothing, when the format cannot hold it."""

    def columns(self) -> list[str]:
        """Name the input's columns that the part holds; empty where each row names its own."""

    def data(self, added: Sequence[Values]) -> bytes:
        """Give the part's bytes."""


class JsonlPart:
    """A JSON object a line."""

    def __init__(self, columns: Columns) -> None:
        self.added = columns.added_names
        self.rows: list[str] = []

    def keep(self, record: Record, line: int) -> None:
        del line
        self.rows.append(to_json(record))

    def columns(self) -> list[str]:
        return []

    def data(self, added: Sequence[Values]) -> bytes:
        lines = (self._line(row, values) for row, values in zip(self.rows, added, strict=True))
        return "".join(lines).encode()

    def _line(self, row: str, values: Values) -> str:
        tail = ENCODER.encode(dict(zip(self.added, values, strict=True)))
        return f"{row[:-1]}{', ' if len(row) > len('{}') else ''}{tail[1:]}\n"


class CsvPart:
    """Cells without a header: that is known when all parts are."""

    def __init__(self, columns: Columns, header: Iterable[str] = ()) -> None:
        self.names = dict.fromkeys(columns.kept_of(header))
        self.rows: list[Record] = []

    def keep(self, record: Record, line: int) -> None:
        del line
        check_text(record, "CSV")
        self.names.update(dict.fromkeys(record))
        self.rows.append(record)

    def columns(self) -> list[str]:
        return list(self.names)

    def data(self, added: Sequence[Values]) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator="\n")
        for row, values in zip(self.rows, added, strict=True):
            writer.writerow([cell(row.get(name)) for name in self.names] + [cell(value) for value in values])
        return file.getvalue().encode()


def to_json(value: Any) -> str:
    """Write a value as JSON of one line. Raises UnwritableError for a number beyond JSON's."""
    try:
        line = ENCODER.encode(value)
    except ValueError as error:
        raise UnwritableError(f"cannot be written as JSON: {error}") from error
    return line if line.isascii() or is_utf8(line) else json.dumps(value, default=plain)


def cell(value: Any) -> Any:
    """Give a value as a cell of CSV: nothing for null, lists of text joined by `;`, other lists, objects and truth values as JSON."""
    match value:
        case bytes():
            return plain(value)
        case list() if all(isinstance(item, str) and ";" not in item and is_utf8(item) for item in value):
            return ";".join(value)
        case dict() | list() | bool():
            return to_json(value)
    return value


def check_text(record: Record, form: str) -> None:
    """Raise UnwritableError when a row holds a lone surrogate, or a number that is none, which this format cannot hold."""
    for name, value in record.items():
        text = value if isinstance(value, str) else to_json(value)
        if not (text.isascii() or is_utf8(text)) or not is_utf8(name):
            raise UnwritableError(f"{name}: holds half a character (a lone surrogate), which {form} cannot")
