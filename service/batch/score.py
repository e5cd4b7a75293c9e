"""Files scored: sources are cut into chunks, chunks tagged into parts, parts joined into the output. What is done is never done twice.

sources -> chunks -> (rows -> stories -> tags -> parts, in other processes) -> output
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from service.batch import cluster, journal, output, pool
from service.batch.chunks import Chunk, cut
from service.batch.compression import BROKEN, decompressed
from service.batch.job import Job, Options, describe, make_job
from service.batch.sources import STDIO, Kind, Source, find_sources
from service.batch.tagging import Receipt
from service.errors import FileError
from service.rows import opened


class Watcher(Protocol):
    """Hears how far a run is: bytes of input done, of how many (0: not known), and stories."""

    def __call__(self, done: int, total: int, stories: int) -> object: ...


@dataclass
class Summary:
    """What a run did: stories scored, rows rejected, stories per label. `earlier`: stories that were done when this run went on."""

    stories: int = 0
    rejects: int = 0
    earlier: int = 0
    seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Stories a second of this run."""
        return (self.stories - self.earlier) / max(self.seconds, 1e-9)

    def add(self, receipt: Receipt) -> None:
        self.stories += receipt.stories
        self.rejects += receipt.rejects
        self.labels.update(receipt.labels)


@dataclass(frozen=True)
class How:
    """How a run is done, which changes nothing in its output. processes: None for one per core. dask: a scheduler's address."""

    processes: int | None = None
    dask: str | None = None
    restart: bool = False
    watch: Watcher = lambda done, total, stories: None

    def work(self, job: Job, chunks: Iterator[Chunk], folder: Path) -> Iterator[tuple[Chunk, Receipt]]:
        if self.dask is not None:
            return cluster.work(job, chunks, folder, self.dask)
        return pool.work(job, chunks, folder, self.processes or pool.cores())


def score_files(
    inputs: Sequence[str],
    out: str,
    *,
    model: str | Path | None = None,
    options: Options | None = None,
    how: How | None = None,
) -> Summary:
    """Score files, folders, globs or `-` (standard input) into a file or `-`; rows keep their order.

    A row that cannot be scored goes to `rejects_path(out)`, or to standard error when `out` is `-`. An unfinished run into the same file is
    gone on with. Raises FileError, ColumnError, ArtifactError or ExtraError.
    """
    how, options, begun = how or How(), options or Options(), time.perf_counter()
    settled = make_job(model, options)
    sources = find_sources(inputs, out, options.streamed)
    kind = Kind.of(out, options.streamed or _format_of(sources))
    job = replace(settled, format=kind.format)
    summary = _stream(job, sources, how) if out == STDIO else _into_file(job, sources, Path(out).absolute(), kind, how)
    summary.seconds = time.perf_counter() - begun
    return summary


def _format_of(sources: Sequence[Source]) -> str | None:
    formats = {source.kind.format for source in sources}
    return formats.pop() if len(formats) == 1 else None


def _into_file(job: Job, sources: Sequence[Source], out: Path, kind: Kind, how: How) -> Summary:
    if out.is_dir():
        raise FileError(f"{out}: is a folder; name a file for the output")
    with journal.opened(journal.parts_folder(out), describe(job, sources, kind), restart=how.restart) as parts:
        run = _Run(job, how, parts.folder)
        for receipt in parts.receipts():
            run.summary.add(receipt)
        run.summary.earlier = run.summary.stories
        for receipt in run.receipts(sources, parts.missing):
            parts.record(receipt)
        output.join(parts.folder, parts.receipts(), job.columns, out, kind)
        parts.discard()
    return run.summary


def _stream(job: Job, sources: Sequence[Source], how: How) -> Summary:
    if how.dask is not None:
        raise FileError(f"{STDIO}: the workers of a cluster need an output file that they all see")
    with tempfile.TemporaryDirectory(prefix="conflict-score.") as space:
        run = _Run(job, how, Path(space))
        stream = output.Stream(Path(space), job.columns, job.format, sys.stdout.buffer, sys.stderr.buffer.write)
        for receipt in run.receipts(sources, iter):
            stream.add(receipt)
    return run.summary


class _Run:
    """Sources cut, what is missing worked on, and what is done added up. `done`: bytes of input, without those at work."""

    def __init__(self, job: Job, how: How, folder: Path) -> None:
        self.job, self.how, self.folder = job, how, folder
        self.summary, self.done = Summary(), 0

    def receipts(self, sources: Sequence[Source], missing: Callable[[Iterator[Chunk]], Iterator[Chunk]]) -> Iterator[Receipt]:
        """Give the receipt of each missing chunk as it gets done, in any order."""
        total = sum(source.size for source in sources)
        plain = [_unpacked(source, self.folder, number) for number, source in enumerate(sources)]
        for chunk, receipt in self.how.work(self.job, self._begun(missing(self._cut(plain))), self.folder):
            self.summary.add(receipt)
            self.done += chunk.share
            yield receipt
            self.how.watch(self.done, total, self.summary.stories)

    def _cut(self, sources: Sequence[Source]) -> Iterator[Chunk]:
        for chunk in cut(sources):
            if chunk.header is not None:
                self.job.columns.check_header(chunk.header, chunk.file)
            self.done += chunk.share
            yield chunk

    def _begun(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            self.done -= chunk.share
            yield chunk


def _unpacked(source: Source, folder: Path, number: int) -> Source:
    """Lay the plain content of a compressed Parquet file beside the parts. Raises FileError when it is not whole."""
    if source.kind.format != "parquet" or not source.kind.compression or source.path is None:
        return source
    path = folder / f"input-{number}.parquet"
    with opened(source.path) as raw, path.open("wb") as file:
        try:
            shutil.copyfileobj(decompressed(raw, source.kind.compression), file, 1 << 20)
        except BROKEN as error:
            raise FileError(f"{source.name}: cannot be read: {error}") from error
    return replace(source, unpacked=path)
