"""One chunk tagged: its rows read, the good ones tagged and stored as a part of the output, the bad ones as a part of the rejects."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from service.batch.chunks import Chunk, Slice, text_rows
from service.batch.columns import Columns
from service.batch.job import Job
from service.batch.parts import CsvPart, JsonlPart, Part, UnwritableError
from service.errors import FileError, StoryError
from service.model.columns import values
from service.model.story import Story
from service.model.tagger import Tags
from service.rows import Row

UNFINISHED = ".tmp"


@dataclass(frozen=True)
class Receipt:
    """What became of a chunk: rows scored and rejected, stories per label, columns that its part holds, and its parts' sizes in bytes."""

    number: int
    digest: str
    stories: int
    rejects: int
    labels: dict[str, int] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    size: int = 0
    rejects_size: int = 0


def part_path(folder: Path, number: int) -> Path:
    """Say where a chunk's part of the output lies."""
    return folder / f"{number:08}.part"


def rejects_part_path(folder: Path, number: int) -> Path:
    """Say where a chunk's rejects lie, if it has any."""
    return folder / f"{number:08}.rejects"


def score_chunk(job: Job, chunk: Chunk, folder: Path) -> Receipt:
    """Tag a chunk and store its part; the part appears whole or not at all, whoever else may do the same chunk.

    Raises FileError when the input was changed, a column cannot be read or added, or the part cannot be stored.
    """
    rows, part, columns = _opened(job, chunk)
    stories, rejects = _sorted(rows, part, columns)
    tagger = job.tagger()
    tags = tagger.tag(stories)
    data = part.data([values(tagger.model, found) for found in tags])
    refused = "".join(rejects).encode()
    if refused:
        store(rejects_part_path(folder, chunk.number), refused)
    store(part_path(folder, chunk.number), data)
    sizes = (len(data), len(refused))
    return Receipt(chunk.number, chunk.digest, len(stories), len(rejects), dict(_labels(tags)), part.columns(), *sizes)


def _opened(job: Job, chunk: Chunk) -> tuple[Iterator[Row], Part, Columns]:
    if isinstance(chunk.content, Slice):
        return _opened_slice(job, chunk, chunk.content)
    return text_rows(chunk), _part(job, chunk.header or ()), job.columns


def _part(job: Job, header: tuple[str, ...]) -> Part:
    if job.format == "jsonl":
        return JsonlPart(job.columns)
    if job.format == "csv":
        return CsvPart(job.columns, header)
    from service.batch.parquet import RecordPart

    return RecordPart(job.columns, header)


def _opened_slice(job: Job, chunk: Chunk, place: Slice) -> tuple[Iterator[Row], Part, Columns]:
    import pyarrow as pa

    from service.batch import parquet

    header, read = chunk.header or (), job.columns.read.values()
    try:
        table = parquet.read_slice(chunk, [*job.columns.kept_of(header), *read])
    except (OSError, pa.ArrowException) as error:
        return _unreadable(chunk, place, str(error)), _part(job, ()), job.columns
    columns = parquet.readable(chunk, table.schema, job.columns)
    if job.format != "parquet":
        return parquet.slice_rows(chunk, table), _part(job, header), columns
    rows = parquet.slice_rows(chunk, table.select([name for name in table.column_names if name in read]))
    return rows, parquet.SlicePart(job.columns, table, chunk.line), columns


def _unreadable(chunk: Chunk, place: Slice, reason: str) -> Iterator[Row]:
    for line in range(chunk.line, chunk.line + place.rows):
        yield Row(chunk.file, line, None, f"cannot be read: {reason}")


def _sorted(rows: Iterator[Row], part: Part, columns: Columns) -> tuple[list[Story], list[str]]:
    """Part the rows: stories, whose rows `part` has taken, and rejects as lines of JSON."""
    stories: list[Story] = []
    rejects: list[str] = []
    for row in rows:
        if row.record is None:
            rejects.append(_reject(row, row.fault, None))
            continue
        try:
            story = columns.story(row.record)
            part.keep(columns.keep(row.record, row.place), row.line)
        except (StoryError, UnwritableError) as error:
            rejects.append(_reject(row, str(error), row.record.get(columns.id)))
        else:
            stories.append(story)
    return stories, rejects


def _reject(row: Row, reason: str, key: Any) -> str:
    known = {"id": key} if isinstance(key, str | int) else {}
    return json.dumps({"file": row.file, "line": row.line, **known, "reason": reason}) + "\n"


def _labels(tags: list[Tags]) -> Counter[str]:
    topics = (topic for found in tags for topic in found.topics)
    return Counter(chain(topics, (found.tone for found in tags if found.tone)))


def store(path: Path, data: bytes) -> None:
    """Put a file in its place, whole and on disk. Raises FileError."""
    fresh = path.with_name(f"{path.name}.{uuid.uuid4().hex}{UNFINISHED}")
    try:
        try:
            with fresh.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(f"{path.parent}: {error.strerror}; the same command goes on from here once that is mended") from error
