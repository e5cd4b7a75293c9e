"""Sources cut into chunks: runs of whole rows, always at the same places, each small enough to hold and to do again."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from service.batch.compression import READ_ERRORS, decompressed
from service.batch.sources import Source
from service.errors import FileError
from service.rows import Row, csv_header, csv_records, csv_rows, jsonl_rows, opened

CHUNK_ROWS = 2000
CHUNK_BYTES = 1 << 22
LONGEST_LINE = 1 << 25  # bytes


@dataclass(frozen=True)
class Span:
    """Bytes of an uncompressed file, which whoever works on the chunk reads for himself."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True)
class Slice:
    """Rows of one row group of a Parquet file; size and time of change (nanoseconds) as when it was cut."""

    path: Path
    group: int
    start: int
    rows: int
    stamp: tuple[int, int]


@dataclass(frozen=True)
class Fault:
    """A place that cannot be read, with the reason: it becomes a reject."""

    reason: str


Content = bytes | Span | Slice | Fault


@dataclass(frozen=True)
class Chunk:
    """A run of rows of one file. line: of the first row, from 1 (of Parquet: its number). header: the file's columns, if it names them.

    digest: of what is read, so that a change is noticed. share: bytes of the source that it stands for, for the progress bar.
    """

    file: str
    format: str
    line: int
    content: Content
    digest: str
    header: tuple[str, ...] | None = None
    share: int = 0
    number: int = 0


def text_rows(chunk: Chunk) -> Iterator[Row]:
    """Read the rows of a chunk of JSONL or CSV. Raises FileError when the file was changed since it was cut."""
    if isinstance(chunk.content, Fault):
        yield Row(chunk.file, chunk.line, None, chunk.content.reason)
        return
    lines = io.BytesIO(_bytes(chunk))
    if chunk.format == "jsonl":
        yield from jsonl_rows(chunk.file, lines, chunk.line)
    elif chunk.header is not None:
        yield from csv_rows(chunk.file, csv_records(lines, chunk.line), chunk.header)


def _bytes(chunk: Chunk) -> bytes:
    if isinstance(chunk.content, bytes):
        return chunk.content
    assert isinstance(chunk.content, Span)
    with opened(chunk.content.path) as file:
        file.seek(chunk.content.offset)
        data = file.read(chunk.content.length)
    if digest(data) != chunk.digest:
        raise FileError(f"{chunk.file}: was changed while it was read; run again with --restart")
    return data


def cut(sources: Sequence[Source]) -> Iterator[Chunk]:
    """Cut JSONL and CSV sources into numbered chunks of up to about CHUNK_ROWS rows and CHUNK_BYTES bytes; each source gives at least one.

    What cannot be read becomes a chunk with a Fault. Raises FileError when a file cannot be opened, its header is not usable, or it was
    changed meanwhile.
    """
    number = 0
    for source in sources:
        for chunk in _pieces(source):
            yield replace(chunk, number=number)
            number += 1
        source.check_unchanged()


def _pieces(source: Source) -> Iterator[Chunk]:
    if source.kind.format == "parquet":
        from service.batch.parquet import cut_parquet

        yield from cut_parquet(source)
        return
    with _opened(source) as raw:
        yield from _Cutter(source, raw).chunks()


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if source.path is None:
        yield sys.stdin.buffer
        return
    with opened(source.path) as file:
        yield file


class LineTooLongError(Exception):
    """A line is longer than LONGEST_LINE."""


class _Lines:
    """The lines of a file, kept until they are taken; `line` and `offset` say where those not yet taken begin."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.line, self.offset = file, 1, 0
        self.kept: list[bytes] = []
        self.size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> bytes:
        line = self.file.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.kept.append(line)
        self.size += len(line)
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise LineTooLongError
        return line

    @property
    def next_line(self) -> int:
        return self.line + len(self.kept)

    def take(self, count: int) -> bytes:
        data = b"".join(self.kept[:count])
        del self.kept[:count]
        self.line, self.offset, self.size = self.line + count, self.offset + len(data), self.size - len(data)
        return data

    def skip(self) -> None:
        """Pass over what is kept, to the end of its last line."""
        while (more := self.file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
            self.offset += len(more)
        self.offset += len(more)
        self.take(len(self.kept))


class _Cutter:
    """Cuts one source. `whole`: how many of the kept lines make whole records; `long`: whether what is kept ends in too long a line."""

    def __init__(self, source: Source, raw: BinaryIO) -> None:
        self.source, self.raw = source, raw
        self.lines = _Lines(decompressed(raw, source.kind.compression))
        self.header: tuple[str, ...] | None = None
        self.read = self.whole = self.cut = 0
        self.long = False

    def chunks(self) -> Iterator[Chunk]:
        reason = ""
        while not self.cut or self.long:
            try:
                yield from self._full()
                reason = ""
            except LineTooLongError:
                self.long, reason = True, f"a line of more than {LONGEST_LINE:,} bytes"
            except READ_ERRORS as error:
                reason = f"from here on the file cannot be read: {error}"
            if self.whole or not (self.cut or reason):
                yield self._next()
            if reason:
                yield self._chunk(Fault(reason), reason.encode())

    def _full(self) -> Iterator[Chunk]:
        """Give chunks as they fill up; what is left over stays in `lines`."""
        if self.long:
            self.lines.skip()
            self.long = False
        for _ in self._records():
            self.whole = len(self.lines.kept)
            if self.whole >= CHUNK_ROWS or self.lines.size >= CHUNK_BYTES:
                yield self._next()

    def _records(self) -> Iterator[object]:
        if self.source.kind.format == "jsonl":
            return self.lines
        records = csv_records(self.lines, self.lines.next_line)
        if self.header is None:
            header = csv_header(self.source.name, records)
            self.header = None if header is None else tuple(header)
            self.lines.take(len(self.lines.kept))
        return records

    def _next(self) -> Chunk:
        line, offset = self.lines.line, self.lines.offset
        data = self.lines.take(self.whole)
        self.whole = 0
        source = self.source
        spanned = source.path is not None and source.regular and not source.kind.compression
        content = Span(source.path, offset, len(data)) if spanned and source.path else data
        return replace(self._chunk(content, data), line=line)

    def _chunk(self, content: Content, data: bytes) -> Chunk:
        self.cut += 1
        place = self.raw.tell() if self.source.path and self.source.regular else 0
        share, self.read = place - self.read, place
        form, name, line = self.source.kind.format, self.source.name, self.lines.line
        return Chunk(name, form, line, content, digest(data), self.header, share)


def digest(data: bytes) -> str:
    """Give a short digest of a chunk's bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
