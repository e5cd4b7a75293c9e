"""Parquet: files cut into slices of row groups, rows read from a slice, parts written, and parts joined under one schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.batch.chunks import Chunk, Slice, digest
from service.batch.columns import Columns
from service.batch.parts import Record, Values, check_text, to_json
from service.batch.sources import Source, size_and_time
from service.errors import ColumnError, FileError
from service.model.arrow import append, check_text_columns
from service.rows import Row

SLICE_ROWS = 20_000
SLICE_BYTES = 1 << 24  # as Parquet counts a row group's size: before compression
EXACT = 2**53  # whole numbers up to here are exact as floating point too
LIST = pa.list_(pa.string())
TEMPORAL = (pa.types.is_temporal, pa.types.is_decimal)


def cut_parquet(source: Source) -> Iterator[Chunk]:
    """Cut a Parquet file into slices of its row groups, at least one. Raises FileError when its footer cannot be read."""
    path = source.unpacked or source.path
    assert path is not None
    with _opened(path, source.name) as file:
        header, sizes = tuple(file.schema_arrow.names), _group_sizes(file.metadata)
    if len(set(header)) < len(header):
        raise ColumnError(f"{source.name}: has two columns of the same name among {', '.join(header)}")
    line, total, stamp = 1, max(sum(rows for rows, _ in sizes), 1), size_and_time(path) or (0, 0)
    for group, start, rows in _slices(sizes):
        mark = digest(f"{group} {start} {rows} {source.size} {source.changed}".encode())
        yield Chunk(source.name, "parquet", line, Slice(path, group, start, rows, stamp), mark, header, source.size * rows // total)
        line += rows


def _opened(path: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{name}: cannot be read as Parquet: {error}") from error


def _group_sizes(metadata: Any) -> list[tuple[int, int]]:
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return [(group.num_rows, group.total_byte_size) for group in groups]


def _slices(groups: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    if not any(rows for rows, _ in groups):
        yield 0, 0, 0
    for group, (rows, size) in enumerate(groups):
        step = max(1, min(SLICE_ROWS, SLICE_BYTES * rows // max(size, 1)))
        for start in range(0, rows, step):
            yield group, start, min(step, rows - start)


def read_slice(chunk: Chunk, columns: Sequence[str]) -> pa.Table:
    """Read columns of a slice. Raises FileError when the file was changed since; OSError or ArrowException when it is broken there."""
    place = chunk.content
    assert isinstance(place, Slice)
    if size_and_time(place.path) != place.stamp:
        raise FileError(f"{chunk.file}: was changed while it was read; run again with --restart")
    with _opened(place.path, chunk.file) as file:
        schema = pa.schema([field for field in file.schema_arrow if field.name in columns], file.schema_arrow.metadata)
        if not place.rows:
            return schema.empty_table()
        batches = file.iter_batches(batch_size=place.rows, row_groups=[place.group], columns=schema.names, use_threads=False)
        return pa.Table.from_batches(_rows_of(batches, place.start, place.start + place.rows), schema)


def _rows_of(batches: Iterable[pa.RecordBatch], start: int, stop: int) -> Iterator[pa.RecordBatch]:
    at = 0
    for batch in batches:
        first, last = max(start - at, 0), min(stop - at, len(batch))
        if first < last:
            yield batch.slice(first, last - first)
        at += len(batch)
        if at >= stop:
            return


def readable(chunk: Chunk, schema: pa.Schema, columns: Columns) -> Columns:
    """Check the types of the columns that stories are read from; an id that is neither text nor a whole number is then not read.

    Raises ColumnError when title or text are no text.
    """
    check_text_columns(schema, columns.title, columns.text, chunk.file)
    kind = schema.field(columns.id).type if columns.id in schema.names else pa.string()
    return columns if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind) else replace(columns, id="")


def slice_rows(chunk: Chunk, table: pa.Table) -> Iterator[Row]:
    """Give a table's rows as records; what neither JSON nor a story knows (times, decimals, binary, not a number) becomes text or null."""
    columns = {name: _plain(table.column(name)).to_pylist() for name in table.column_names}
    for index in range(table.num_rows):
        record = {name: _finite(values[index]) for name, values in columns.items()}
        yield Row(chunk.file, chunk.line + index, record)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if any(is_kind(column.type) for is_kind in TEMPORAL) else column


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return {key: _finite(item) for key, item in value.items()} if isinstance(value, dict) else value


def encoded(table: pa.Table) -> bytes:
    """Write a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


class SlicePart:
    """A slice's own rows, with the types they have, as Parquet."""

    def __init__(self, columns: Columns, table: pa.Table, first: int) -> None:
        self.added, self.table, self.first = columns.added, table.select(columns.kept_of(table.column_names)), first
        self.rows: list[int] = []

    def keep(self, record: Record, line: int) -> None:
        del record
        self.rows.append(line - self.first)

    def columns(self) -> list[str]:
        return []

    def data(self, added: Sequence[Values]) -> bytes:
        return encoded(append(self.table.take(pa.array(self.rows, pa.int64())), self.added, added))


class RecordPart:
    """Rows of JSONL or CSV as Parquet; a column's type is what all its values have in common, else text."""

    def __init__(self, columns: Columns, header: Iterable[str] = ()) -> None:
        self.added = columns.added
        self.names = dict.fromkeys(columns.kept_of(header), pa.string())
        self.rows: list[Record] = []

    def keep(self, record: Record, line: int) -> None:
        del line
        check_text(record, "Parquet")
        self.names.update((name, None) for name in record if name not in self.names)
        self.rows.append(record)

    def columns(self) -> list[str]:
        return []

    def data(self, added: Sequence[Values]) -> bytes:
        arrays = [_array([row.get(name) for row in self.rows], known) for name, known in self.names.items()]
        return encoded(append(pa.table(arrays, list(self.names)), self.added, added))


def _array(values: list[Any], known: pa.DataType | None) -> pa.Array:
    if known is not None:
        return pa.array(values, known)
    kinds = {type(value) for value in values} - {type(None)}
    numbers = kinds <= {int, float} and all(-EXACT <= value <= EXACT for value in values if isinstance(value, int))
    if kinds <= {str} or kinds == {bool} or numbers:
        return pa.array(values)
    if kinds == {list} and all(isinstance(item, str) for value in values for item in value or ()):
        return pa.array(values, LIST)
    return pa.array([as_text(value) for value in values], pa.string())


def as_text(value: Any) -> str | None:
    """Give a value of a column of mixed kinds as text: text as it is, numbers, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    return to_json(value) if isinstance(value, bool | int | float | list | dict) else str(value)
