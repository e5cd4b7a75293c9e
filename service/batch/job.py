"""What a run is asked to do: all that decides its output, in one place that travels to every worker."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from service.batch.chunks import CHUNK_BYTES, CHUNK_ROWS
from service.batch.columns import Columns
from service.batch.sources import Kind, Source
from service.errors import ArtifactError, ColumnError
from service.model.artifact import MANIFEST, default_model, read
from service.model.columns import added_columns
from service.model.tagger import Tagger


@dataclass(frozen=True)
class Options:
    """How columns are read, kept and named; `kept` None keeps all of the input's. streamed: the format of `-`."""

    title: str = "title"
    text: str = "text"
    id: str = "id"
    kept: tuple[str, ...] | None = None
    prefix: str = ""
    streamed: str | None = None


@dataclass(frozen=True)
class Job:
    """model: the folder, absolute; manifest: digest of its manifest, which holds the digests of all else. format: the output's."""

    model: Path
    manifest: str
    columns: Columns
    format: str = ""

    def tagger(self) -> Tagger:
        """Give this process's tagger, which is loaded once. Raises ArtifactError when the folder holds another model than at the start."""
        with _loading:
            return _loaded(self.model, self.manifest)


_loading = threading.Lock()


@cache
def _loaded(folder: Path, manifest: str) -> Tagger:
    model = read(folder)
    if _digest(folder) != manifest:
        raise ArtifactError(f"{folder}: holds another model than when the run began; run again with --restart")
    return Tagger(model)


def make_job(model: str | Path | None, options: Options) -> Job:
    """Load the model, by default the current one, and settle all but the format. Raises ArtifactError or ColumnError."""
    folder = Path(model or default_model()).resolve()
    found = read(folder if model else None)
    columns = Columns(tuple(added_columns(found, options.prefix)), options.title, options.text, options.id, options.kept)
    if len({options.title, options.text}) < 2:
        raise ColumnError(f"{options.text!r} cannot be both the title's and the text's column")
    return Job(folder, _digest(folder), columns)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def describe(job: Job, sources: Sequence[Source], output: Kind) -> dict[str, Any]:
    """Say all that decides the output, as JSON: another description is another output."""
    return {
        "version": version("conflict-tagger"),
        "inputs": [source.described() for source in sources],
        "model": job.manifest,
        "columns": json.loads(json.dumps(asdict(job.columns))),
        "output": asdict(output),
        "chunk": [CHUNK_ROWS, CHUNK_BYTES],
    }
