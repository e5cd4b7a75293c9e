"""The one schema that Parquet parts have in common, and the parts written one after another under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from service.batch.columns import Columns
from service.batch.parquet import as_text
from service.errors import FileError

GROUP_ROWS = 1 << 17
GROUP_BYTES = 1 << 26


def join(parts: Sequence[Path], file: BinaryIO, columns: Columns) -> None:
    """Write Parquet parts one after another; memory holds one row group. Raises FileError when a value does not fit the common type."""
    schema = common(map(pq.read_schema, parts), columns.added_names)
    with pq.ParquetWriter(file, schema) as writer:
        pile: list[pa.Table] = []
        for part in parts:
            with pq.ParquetFile(part) as whole:
                pile.append(_cast(whole.read(), schema))
            if sum(map(len, pile)) >= GROUP_ROWS or sum(table.nbytes for table in pile) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(pile))
                pile = []
        if sum(map(len, pile)):
            writer.write_table(pa.concat_tables(pile))


def common(schemas: Iterable[pa.Schema], added: Sequence[str]) -> pa.Schema:
    """Give the schema that holds all of these: columns in the order of their first sight, the added ones last; mixed kinds become text."""
    rest = iter(schemas)
    first = next(rest)
    fields = reduce(_merged, rest, {field.name: field for field in first})
    kept = [_named(field) for name, field in fields.items() if name not in added]
    return pa.schema([*kept, *(fields[name] for name in added)], first.metadata)


def _merged(fields: dict[str, pa.Field], schema: pa.Schema) -> dict[str, pa.Field]:
    absent = {name: field.with_nullable(True) for name, field in fields.items() if name not in schema.names}
    new = {field.name: _wider(fields[field.name], field) if field.name in fields else field.with_nullable(True) for field in schema}
    return fields | absent | new


def _wider(one: pa.Field, other: pa.Field) -> pa.Field:
    if one.type == other.type:
        return one.with_nullable(one.nullable or other.nullable)
    try:
        return pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive").field(0)
    except pa.ArrowException:
        return pa.field(one.name, pa.string())


def _named(field: pa.Field) -> pa.Field:
    """Give a column that holds nothing the type text: not all readers know a type for nothing."""
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    arrays = [_column(table, field) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    column = table.column(field.name)
    if column.type == field.type:
        return column
    if field.type == pa.string() and not _is_text(column.type):
        return pa.array([as_text(value) for value in column.to_pylist()], pa.string())
    try:
        return column.cast(field.type)
    except pa.ArrowException as error:
        raise FileError(f"the inputs' columns {field.name!r} are of types that do not go together: {error}") from error


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind))
