"""Labelled files become a Corpus: every bad row reported, in one canonical order, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError, StoryError
from service.model.labels import LabelScheme
from service.model.story import Story, kind
from service.rows import READERS, Row, read_rows
from training.corpus.lexicon import find_lexicon, read_lexicon

LABELS = "labels.json"
FEWEST = 10
KNOWN = ("id", "title", "text", "topics", "tone")


@dataclass(frozen=True)
class LabelledStory:
    """A story, what it was labelled with, and the row's other fields. `tone` is None where the scheme or the row has none."""

    story: Story
    topics: tuple[str, ...]
    tone: str | None
    place: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[tuple[str, ...], str | None]:
        return self.topics, self.tone


@dataclass(frozen=True, eq=False)
class Corpus:
    """Labelled stories in the order of their ids, under one label scheme; with a lexicon (word: class), or an empty one.

    contradictions: a line for each story whose text stands elsewhere with other labels. Real data has such; they are kept, and reported.
    """

    labels: LabelScheme
    rows: tuple[LabelledStory, ...]
    lexicon: Mapping[str, str] = field(default_factory=dict)
    contradictions: tuple[str, ...] = ()

    @cached_property
    def texts(self) -> list[str]:
        return [row.story.joined for row in self.rows]

    @cached_property
    def topics(self) -> NDArray[np.bool_]:
        """Which topics apply; shape (stories, topics)."""
        return np.array([[topic in row.topics for topic in self.labels.topics] for row in self.rows], bool).reshape(len(self.rows), -1)

    @cached_property
    def tones(self) -> NDArray[np.int64]:
        """The index of each story's tone in the scheme, -1 where it has none; shape (stories,)."""
        index = {tone: number for number, tone in enumerate(self.labels.tones)}
        return np.array([index.get(row.tone or "", -1) for row in self.rows], np.int64)

    @cached_property
    def targets(self) -> NDArray[np.bool_]:
        """Which labels apply, topics then tones; shape (stories, columns)."""
        tones = self.tones[:, None] == np.arange(len(self.labels.tones))
        return np.hstack([self.topics, tones])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what is learnt from: scheme, lexicon, ids, titles, texts and labels, whatever files they stood in."""
        digest = hashlib.sha256(json.dumps([self.labels.to_json(), self.lexicon]).encode())
        for row in self.rows:
            digest.update(json.dumps([row.story.id, row.story.title, row.story.text, sorted(row.topics), row.tone]).encode())
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Count the stories under each label, and those under no topic."""
        counts = Counter(label for row in self.rows for label in (*row.topics, row.tone))
        named = {label: counts[label] for label in self.labels.columns}
        return {**named, "no topic": sum(not row.topics for row in self.rows)} if self.labels.topics else named


def read_corpus(
    paths: Sequence[Path], labels: Path | LabelScheme | None = None, *, lexicon: Path | None = None, heads_may_lack: bool = False
) -> Corpus:
    """Read labelled stories from files and folders.

    The scheme is `labels`, or else the `labels.json` that stands with the first path. With `heads_may_lack` a row may leave
    out `topics` or `tone` (for evaluation on data that has one head only). The lexicon is the given one, or the
    one beside the scheme, or the one that is shipped; the path `none` stands for none.
    Raises CorpusError with every fault found, and LabelSchemeError or FileError when scheme or files cannot be read at all.
    """
    files = list(corpus_files(paths))
    words = find_lexicon(lexicon, beside(paths[0]).parent)
    scheme = labels if isinstance(labels, LabelScheme) else LabelScheme.read(labels or beside(paths[0]))
    faults: list[str] = []
    rows = [row for file in files for row in _labelled(file, scheme, faults, heads_may_lack)]
    faults += _same_ids(rows)
    if not rows and not faults:
        faults.append(f"{', '.join(map(str, paths))}: no stories")
    if faults:
        raise CorpusError(faults)
    return Corpus(
        scheme, tuple(sorted(rows, key=lambda row: row.story.id or "")), read_lexicon(words) if words else {}, tuple(_contradictions(rows))
    )


def too_few(corpus: Corpus) -> list[str]:
    """Name every label that has too few examples to be learnt."""
    faults = []
    for topic, applies in zip(corpus.labels.topics, corpus.topics.T, strict=True):
        least = int(min(applies.sum(), (~applies).sum()))
        if least < FEWEST:
            faults.append(
                f"topic {topic!r}: {applies.sum()} stories have it and {(~applies).sum()} do not; learning needs {FEWEST} of each"
            )
    for index, tone in enumerate(corpus.labels.tones):
        count = int((corpus.tones == index).sum())
        if count < FEWEST:
            faults.append(f"tone {tone!r}: {count} stories have it; learning needs {FEWEST}")
    return faults


def corpus_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Resolve folders to their corpus files, in the order of names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix.lower() in READERS)
        else:
            yield path


def beside(path: Path) -> Path:
    """Say where the label scheme of a corpus path is looked for."""
    return (path if path.is_dir() else path.parent) / LABELS


def _labelled(file: Path, scheme: LabelScheme, faults: list[str], heads_may_lack: bool) -> Iterator[LabelledStory]:
    for row in read_rows(file):
        found = [row.fault] if row.record is None else list(_row_faults(row.record, scheme, heads_may_lack))
        faults += [f"{row.place}: {fault}" for fault in found]
        if not found and row.record is not None:
            yield _labelled_story(row, row.record, scheme)


def _labelled_story(row: Row, record: dict[str, Any], scheme: LabelScheme) -> LabelledStory:
    topics = tuple(topic for topic in scheme.topics if topic in _topics(record))
    tone = record.get("tone") or None if scheme.tones else None
    extra = {key: value for key, value in record.items() if key not in KNOWN}
    return LabelledStory(Story.from_record(record), topics, tone, row.place, extra)


def _topics(record: Mapping[str, Any]) -> Any:
    topics = record.get("topics") or []
    return [topic.strip() for topic in topics.split(";") if topic.strip()] if isinstance(topics, str) else topics


def _row_faults(record: Mapping[str, Any], scheme: LabelScheme, heads_may_lack: bool) -> Iterator[str]:
    try:
        if Story.from_record(record).id in (None, ""):
            yield "id: missing"
    except StoryError as error:
        yield from (f"{name}: {reason}" for name, reason in error.faults)
    if scheme.topics:
        yield from _topic_faults(record, scheme, heads_may_lack)
    if scheme.tones:
        yield from _tone_faults(record, scheme, heads_may_lack)


def _topic_faults(record: Mapping[str, Any], scheme: LabelScheme, may_lack: bool) -> Iterator[str]:
    if record.get("topics") is None:
        if not may_lack:
            yield "topics: missing; write an empty list for a story under no topic"
        return
    topics = _topics(record)
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        yield f"topics: must be a list of labels, not {json.dumps(record['topics'])[:60]}"
        return
    yield from (f"topics: unknown label {topic!r}; known are {', '.join(scheme.topics)}" for topic in topics if topic not in scheme.topics)
    yield from (f"topics: {topic!r} stands twice" for topic, count in Counter(topics).items() if count > 1)


def _tone_faults(record: Mapping[str, Any], scheme: LabelScheme, may_lack: bool) -> Iterator[str]:
    tone = record.get("tone")
    if tone is None or tone == "":
        if not may_lack:
            yield f"tone: missing; one of {', '.join(scheme.tones)}"
    elif not isinstance(tone, str):
        yield f"tone: must be text, not {kind(tone)}"
    elif tone not in scheme.tones:
        yield f"tone: unknown label {tone!r}; known are {', '.join(scheme.tones)}"


def _same_ids(rows: Iterable[LabelledStory]) -> Iterator[str]:
    places: dict[str | None, str] = {}
    for row in rows:
        if row.story.id in places:
            yield f"{row.place}: id: {row.story.id!r} stands at {places[row.story.id]} already"
        places.setdefault(row.story.id, row.place)


def _contradictions(rows: Iterable[LabelledStory]) -> Iterator[str]:
    texts: dict[str, LabelledStory] = {}
    for row in rows:
        earlier = texts.setdefault(row.story.joined.strip(), row)
        if earlier.labels != row.labels:
            yield f"{row.place}: same text as {earlier.place}, but labelled {_say(row)} here and {_say(earlier)} there"


def _say(row: LabelledStory) -> str:
    return " ".join(filter(None, [";".join(row.topics) or "no topic", row.tone]))
