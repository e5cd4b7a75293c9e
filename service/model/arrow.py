"""Tables in memory tagged: Arrow, and through it pandas and polars, neither of which is needed or imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from service.errors import ColumnError
from service.model.columns import Added, added_columns, values
from service.model.story import Story
from service.model.tagger import Tagger

TYPES = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.float64()}
BATCH = 10_000


def tag_table(tagger: Tagger, table: Any, *, title: str, text: str, prefix: str) -> pa.Table:
    """Give a table with the added columns; its rows, order and own columns stay as they are. See `Tagger.tag_arrow`."""
    whole = table if isinstance(table, pa.Table) else pa.table(table)
    added = _added(tagger, whole.schema, title=title, text=text, prefix=prefix)
    return append(whole, added, _tagged(tagger, whole, title, text))


def tag_frame(tagger: Tagger, frame: Any, *, title: str, text: str, prefix: str) -> Any:
    """Give a pandas or polars frame with the added columns. See `Tagger.tag_frame`."""
    pandas = hasattr(frame, "assign")
    if not pandas and not hasattr(frame, "with_columns"):
        raise ColumnError(f"a {type(frame).__name__} is neither a pandas nor a polars DataFrame; tag_arrow takes other tables")
    names = [name for name in (title, text) if name in frame.columns]
    stories = pa.table(frame[names]) if names else pa.table({})
    header = pa.schema([stories.schema.field(name) if name in names else pa.field(str(name), pa.null()) for name in frame.columns])
    added = _added(tagger, header, title=title, text=text, prefix=prefix)
    found = append(stories.select([]), added, _tagged(tagger, stories, title, text))
    if pandas:
        return frame.assign(**{name: found.column(name).to_pylist() for name in found.column_names})
    return frame.with_columns(type(frame)(found))


def _added(tagger: Tagger, schema: pa.Schema, *, title: str, text: str, prefix: str) -> list[Added]:
    added = added_columns(tagger.model, prefix)
    taken = [column.name for column in added if column.name in schema.names]
    if taken:
        raise ColumnError(f"the table has a column {taken[0]!r} already; give a prefix, such as prefix='predicted_'")
    check_text_columns(schema, title, text, "the table")
    return added


def check_text_columns(schema: pa.Schema, title: str, text: str, place: str) -> None:
    """Raise ColumnError unless the title's or the text's column is there, once, and holds text."""
    found = [name for name in (title, text) if name in schema.names]
    if not found:
        raise ColumnError(f"{place}: has neither a column {text!r} nor {title!r}, only {', '.join(schema.names)}")
    for name in found:
        if schema.names.count(name) > 1:
            raise ColumnError(f"{place}: has two columns {name!r}")
        if not _is_text(schema.field(name).type):
            raise ColumnError(f"{place}: column {name!r} holds {schema.field(name).type}, not text")


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_kind(inner) for is_kind in kinds)


def _tagged(tagger: Tagger, table: pa.Table, title: str, text: str) -> Iterator[list[Any]]:
    for start in range(0, table.num_rows, BATCH):
        batch = table.slice(start, BATCH)
        titles, texts = (_texts(batch, name) for name in (title, text))
        stories = [Story(title=head or "", text=body or "") for head, body in zip(titles, texts, strict=True)]
        yield from (values(tagger.model, tags) for tags in tagger.tag(stories))


def _texts(table: pa.Table, name: str) -> list[str | None]:
    return table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows


def append(table: pa.Table, added: Sequence[Added], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Append the added columns to a table, given their values row by row."""
    parts: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in added]
    arrays = [pa.array(part, TYPES[column.kind]) for part, column in zip(parts, added, strict=True)]
    fields = [pa.field(column.name, TYPES[column.kind]) for column in added]
    schema = pa.schema([*table.schema, *fields], table.schema.metadata)
    return pa.Table.from_arrays([*table.columns, *arrays], schema=schema)
