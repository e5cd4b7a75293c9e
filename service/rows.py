"""Files of stories, row by row: JSONL and CSV, every bad row named and none lost."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from service.errors import FileError
from service.model.story import kind

LONGEST_FIELD = 1 << 25  # characters; a quote that is never closed then costs one row, not the memory


class CsvRecord(NamedTuple):
    """Cells of a CSV file and the line they begin on, from 1; or the fault why they cannot be told apart."""

    line: int
    cells: list[str]
    fault: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a file: its record, or the fault why it has none. `line` counts from 1."""

    file: str
    line: int
    record: dict[str, Any] | None
    fault: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a `.jsonl` or `.csv` file in order; blank lines of JSONL are passed over.

    Raises FileError when the file cannot be opened or its kind is not known; a bad row is yielded with its fault.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path}: files of stories end in {' or '.join(READERS)}")
    with opened(path) as file:
        yield from reader(str(path), file)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes. Raises FileError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def jsonl_rows(name: str, lines: Iterable[bytes], first: int = 1) -> Iterator[Row]:
    """Read the rows of lines, the first of which is the file's line `first`; blank lines are passed over."""
    for number, line in enumerate(lines, first):
        if line.strip():
            yield _jsonl_row(name, number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)


def _jsonl_row(name: str, number: int, line: bytes) -> Row:
    try:
        record = parse_json(line)
    except (ValueError, RecursionError) as error:
        return Row(name, number, None, _json_fault(error))
    if not isinstance(record, dict):
        return Row(name, number, None, f"a row must be a JSON object, not {kind(record)}")
    return Row(name, number, record)


def _json_fault(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start}"
        case json.JSONDecodeError():
            return f"not JSON: {error.msg} at column {error.colno}"
        case RecursionError():
            return "not readable JSON: nested too deeply"
        case _:
            return f"not JSON: {error}"


def parse_json(data: bytes) -> Any:
    """Decode strict JSON in UTF-8: no NaN or Infinity, no key twice. Raises ValueError or RecursionError."""
    return DECODER.decode(data.decode("utf-8"))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in (earlier for earlier, _ in pairs[:index]))
        raise ValueError(f"the key {twice!r} stands twice")
    return record


DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)


def csv_records(lines: Iterable[bytes], first: int = 1) -> Iterator[CsvRecord]:
    """Read the records of lines, the first of which is the file's line `first`; after what is no CSV, reading goes on."""
    csv.field_size_limit(LONGEST_FIELD)
    texts = (line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape") for number, line in enumerate(lines, first))
    reader = csv.reader(texts, strict=True)
    while True:
        begins = first + reader.line_num
        try:
            yield CsvRecord(begins, next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvRecord(begins, [], f"not CSV: {error}")


def csv_header(name: str, records: Iterator[CsvRecord]) -> list[str] | None:
    """Take the header off the records; None for a file without a line. Raises FileError when it is not usable."""
    header = next(records, None)
    if header is None:
        return None
    fault = header.fault or _header_fault(header.cells)
    if fault:
        raise FileError(f"{name}:{header.line}: {fault}")
    return header.cells


def csv_rows(name: str, records: Iterable[CsvRecord], header: Sequence[str]) -> Iterator[Row]:
    """Read the rows of records under a header; blank lines are passed over."""
    for record in records:
        if record.fault:
            yield Row(name, record.line, None, record.fault)
        elif record.cells:
            yield _csv_row(name, record.line, header, record.cells)


def _read_csv(name: str, lines: Iterable[bytes]) -> Iterator[Row]:
    records = csv_records(lines)
    header = csv_header(name, records)
    if header is not None:
        yield from csv_rows(name, records, header)


def _header_fault(header: list[str]) -> str:
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        return f"the column {twice[0]!r} stands twice in the header"
    return "" if is_utf8("".join(header)) else "the header is not UTF-8"


def _csv_row(name: str, line: int, header: Sequence[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(name, line, None, f"{len(cells)} cells, but the header has {len(header)} columns")
    bad = [column for column, cell in zip(header, cells, strict=True) if not is_utf8(cell)]
    if bad:
        return Row(name, line, None, f"not UTF-8 in column {bad[0]!r}")
    return Row(name, line, dict(zip(header, cells, strict=True)))


def is_utf8(text: str) -> bool:
    """Say whether text can be written as UTF-8: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


READERS: dict[str, Callable[[str, Iterable[bytes]], Iterator[Row]]] = {".jsonl": jsonl_rows, ".csv": _read_csv}
