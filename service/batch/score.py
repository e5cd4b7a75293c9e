"""Score a file: read in chunks, tag, write in the same order; the output appears whole or not at all."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from service.errors import FileError, StoryError
from service.model.artifact import Model
from service.model.story import Story
from service.model.tagger import Tagger, Tags
from service.rows import READERS, Row, read_rows

CHUNK = 1000
Record = dict[str, Any]


@dataclass
class Summary:
    """What a run did: stories scored, rows rejected, and how many stories got each label."""

    stories: int = 0
    rejects: int = 0
    labels: Counter[str] = field(default_factory=Counter)


def added_columns(model: Model, prefix: str) -> list[str]:
    """Name the columns that scoring adds, in their order."""
    heads = [name for name, labels in (("topics", model.labels.topics), ("tone", model.labels.tones)) if labels]
    return [prefix + name for name in (*heads, *(f"score_{label}" for label in model.labels.columns), "review", "coverage", "model")]


def rejects_path(output: Path) -> Path:
    """Say where the rows go that could not be scored."""
    return output.with_name(output.name + ".rejects.jsonl")


def score_file(tagger: Tagger, source: Path, output: Path, *, prefix: str = "") -> Summary:
    """Score `source` into `output`, both JSONL or both CSV; rows keep their columns and order.

    A row that cannot be scored goes to `rejects_path(output)` with its place and the reason.
    Raises FileError when a file cannot be used, or a column of the input bears the name of one that is added.
    """
    if source.suffix.lower() != output.suffix.lower() or source.suffix.lower() not in READERS:
        raise FileError(f"{source} to {output}: both must end alike, in {' or '.join(READERS)}")
    if output.exists() and output.samefile(source):
        raise FileError(f"{output}: is the input too; give another file for the output")
    names = added_columns(tagger.model, prefix)
    summary = Summary()
    try:
        with ExitStack() as stack:
            rejects = _Rejects(stack, rejects_path(output))
            records = _scored(tagger, read_rows(source), names, summary, rejects)
            WRITERS[output.suffix.lower()](stack.enter_context(_whole(output)), records)
    except OSError as error:
        raise FileError(f"{error.filename or output}: {error.strerror}") from error
    return summary


def _scored(tagger: Tagger, rows: Iterator[Row], names: list[str], summary: Summary, rejects: _Rejects) -> Iterator[Record]:
    while chunk := list(islice(rows, CHUNK)):
        good = list(_readable(chunk, names, summary, rejects))
        tags = tagger.tag([story for _, story in good])
        for (record, _), found in zip(good, tags, strict=True):
            summary.stories += 1
            summary.labels.update([*found.topics, *([found.tone] if found.tone else [])])
            yield record | dict(zip(names, _values(tagger.model, found), strict=True))


def _readable(rows: Iterable[Row], names: list[str], summary: Summary, rejects: _Rejects) -> Iterator[tuple[Record, Story]]:
    for row in rows:
        if row.record is None:
            rejects.write(row, row.fault)
            summary.rejects += 1
            continue
        taken = [name for name in names if name in row.record]
        if taken:
            raise FileError(f"{row.place}: has a column {taken[0]!r} already; give --prefix, such as --prefix predicted_")
        try:
            yield row.record, Story.from_record(row.record)
        except StoryError as error:
            rejects.write(row, str(error))
            summary.rejects += 1


def _values(model: Model, tags: Tags) -> Iterator[Any]:
    if model.labels.topics:
        yield list(tags.topics)
    if model.labels.tones:
        yield tags.tone
    scores = {**tags.topic_scores, **tags.tone_scores}
    yield from (scores.get(label) for label in model.labels.columns)
    yield from (list(tags.review), tags.coverage, model.name)


class _Rejects:
    """The file of rejected rows, made when the first one comes; one left by an earlier run is removed."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self.stack, self.path = stack, path
        self.file: TextIO | None = None
        path.unlink(missing_ok=True)

    def write(self, row: Row, reason: str) -> None:
        if self.file is None:
            self.file = self.stack.enter_context(self.path.open("w", encoding="utf-8", newline="\n"))
        self.file.write(json.dumps({"file": row.file, "line": row.line, "reason": reason}) + "\n")


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Write under a temporary name; the file gets its own name when all of it is on disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_jsonl(file: TextIO, records: Iterator[Record]) -> None:
    for record in records:
        line = json.dumps(record, ensure_ascii=False)
        file.write((line if line.isprintable() or _is_utf8(line) else json.dumps(record)) + "\n")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _write_csv(file: TextIO, records: Iterator[Record]) -> None:
    first = next(records, None)
    if first is None:
        return
    writer = csv.DictWriter(file, list(first), lineterminator="\n")
    writer.writeheader()
    for record in chain([first], records):
        writer.writerow({name: _cell(value) for name, value in record.items()})


def _cell(value: Any) -> Any:
    return ";".join(value) if isinstance(value, list) else value


WRITERS: dict[str, Callable[[TextIO, Iterator[Record]], None]] = {".jsonl": _write_jsonl, ".csv": _write_csv}
