"""Parts joined into the output, in order; the output gets its name when all of it is on disk."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from service.batch.columns import Columns
from service.batch.compression import compressed
from service.batch.sources import Kind, rejects_path
from service.batch.tagging import UNFINISHED, Receipt, part_path, rejects_part_path
from service.errors import FileError

BLOCK = 1 << 20


def join(folder: Path, receipts: Sequence[Receipt], columns: Columns, output: Path, kind: Kind) -> None:
    """Write the rejects, then the output, from the parts in a folder beside it; what was there before is replaced.

    The output comes last: whoever sees it can trust that no reject is still to come.
    """
    _join_rejects(folder, receipts, rejects_path(output))
    with _whole(output, folder) as raw, compressed(raw, kind.compression) as file:
        _write(folder, receipts, columns, kind.format, file)


def _join_rejects(folder: Path, receipts: Sequence[Receipt], path: Path) -> None:
    refused = [rejects_part_path(folder, receipt.number) for receipt in receipts if receipt.rejects]
    if not refused:
        path.unlink(missing_ok=True)
        return
    with _whole(path, folder) as file:
        for part in refused:
            append(part, file)


def _write(folder: Path, receipts: Sequence[Receipt], columns: Columns, form: str, file: BinaryIO) -> None:
    parts = [part_path(folder, receipt.number) for receipt in receipts]
    if form == "parquet":
        from service.batch import schema

        schema.join(parts, file, columns)
    elif form == "csv":
        _join_csv(parts, receipts, columns, file)
    else:
        for part in parts:
            append(part, file)


def append(part: Path, file: BinaryIO) -> None:
    """Append a part's bytes."""
    with part.open("rb") as content:
        shutil.copyfileobj(content, file, BLOCK)


def _join_csv(parts: Sequence[Path], receipts: Sequence[Receipt], columns: Columns, file: BinaryIO) -> None:
    """Write CSV parts under one header: all columns that any of them has, in the order of their first sight."""
    names = list(dict.fromkeys(name for receipt in receipts for name in receipt.columns))
    if not names and not any(receipt.stories for receipt in receipts):
        return
    file.write(csv_line([*names, *columns.added_names]))
    for part, receipt in zip(parts, receipts, strict=True):
        if receipt.columns == names:
            append(part, file)
        else:
            _append_spread(part, receipt.columns, names, file)


def _append_spread(part: Path, own: Sequence[str], names: Sequence[str], file: BinaryIO) -> None:
    with part.open(encoding="utf-8", newline="") as lines:
        for cells in csv.reader(lines):
            record = dict(zip(own, cells, strict=False))
            file.write(csv_line([*(record.get(name, "") for name in names), *cells[len(own) :]]))


def csv_line(cells: Sequence[str]) -> bytes:
    """Write one line of CSV."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


@contextmanager
def _whole(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """Write in the parts folder; move to the path when all is on disk."""
    fresh = folder / f"{path.name}{UNFINISHED}"
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class Stream:
    """Parts written to a stream in order, as soon as all before them are; until then they stay on disk. `refuse` gets the rejects."""

    def __init__(self, folder: Path, columns: Columns, form: str, file: BinaryIO, refuse: Callable[[bytes], object]) -> None:
        self.folder, self.columns, self.form, self.file, self.refuse = folder, columns, form, file, refuse
        self.waiting: dict[int, Receipt] = {}
        self.next = 0
        self.names: list[str] | None = None

    def add(self, receipt: Receipt) -> None:
        """Take a part that is done. Raises FileError when a part of CSV has a column that the header, already written, has not."""
        self.waiting[receipt.number] = receipt
        while self.next in self.waiting:
            self._emit(self.waiting.pop(self.next))
            self.next += 1
        self.file.flush()

    def _emit(self, receipt: Receipt) -> None:
        part, refused = part_path(self.folder, receipt.number), rejects_part_path(self.folder, receipt.number)
        if self.form == "csv" and (receipt.stories or receipt.columns):
            self._head(receipt)
        if self.form == "csv" and self.names is not None and receipt.columns != self.names:
            _append_spread(part, receipt.columns, self.names, self.file)
        else:
            append(part, self.file)
        part.unlink()
        if receipt.rejects:
            self.refuse(refused.read_bytes())
            refused.unlink()

    def _head(self, receipt: Receipt) -> None:
        if self.names is None:
            self.names = receipt.columns
            self.file.write(csv_line([*self.names, *self.columns.added_names]))
        new = [name for name in receipt.columns if name not in self.names]
        if new:
            advice = "name those to keep with --columns, or write to a file"
            raise FileError(f"a column {new[0]!r} comes up after the header of the CSV is written; {advice}")
