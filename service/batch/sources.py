"""What is to be scored: the files that words of a command line stand for, in order, each with its kind."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.batch.compression import COMPRESSIONS, check_library
from service.errors import FileError
from service.extras import imported

STDIO = "-"
FORMATS = ("jsonl", "csv", "parquet")
STREAMED = ("jsonl", "csv")
SUFFIXES = f".{', .'.join(FORMATS)}, or these with {' or '.join(COMPRESSIONS)}"


@dataclass(frozen=True)
class Kind:
    """A file's format (jsonl, csv, parquet) and compression (gzip, zstd, or empty)."""

    format: str
    compression: str = ""

    @classmethod
    def of(cls, name: str, streamed: str | None = None) -> Kind:
        """Tell the kind by the name; that of `-` is `streamed`. Raises FileError, or ExtraError when a library is absent."""
        if name == STDIO:
            if streamed not in STREAMED:
                raise FileError(f"{STDIO}: say with --format whether it is {' or '.join(STREAMED)}")
            return cls(streamed)
        kind = cls.told(name)
        if kind is None:
            raise FileError(f"{name}: files of stories end in {SUFFIXES}")
        check_library(kind.compression)
        if kind.format == "parquet":
            imported("pyarrow.parquet", "batch")
        return kind

    @classmethod
    def told(cls, name: str) -> Kind | None:
        """Tell the kind by the name's end, or None."""
        path = Path(name.lower())
        compression = COMPRESSIONS.get(path.suffix, "")
        form = (Path(path.stem) if compression else path).suffix.removeprefix(".")
        return cls(form, compression) if form in FORMATS else None


@dataclass(frozen=True)
class Source:
    """One input. `name` is the user's and stands in the rejects; `path` is absolute, and None for standard input.

    size (bytes) and changed (nanoseconds) are as found at the start, by which a change is noticed. unpacked: where the plain content of a
    compressed Parquet file lies, which cannot be read front to back.
    """

    name: str
    path: Path | None
    kind: Kind
    size: int = 0
    changed: int = 0
    regular: bool = False
    unpacked: Path | None = None

    def described(self) -> dict[str, object]:
        """Say what identifies this input in a journal."""
        return {"file": self.name, "bytes": self.size, "changed": self.changed}

    def check_unchanged(self) -> None:
        """Raise FileError when the file is another than at the start."""
        if self.path is not None and self.regular and (self.size, self.changed) != size_and_time(self.path):
            raise FileError(f"{self.name}: was changed while it was read; run again with --restart")


def find_sources(words: Sequence[str], output: str, streamed: str | None = None) -> list[Source]:
    """Find the inputs: files, `-`, and the files of stories in folders and globs by name, where the output's own are left out.

    Raises FileError when one is absent, not readable, named twice, the output itself, or of no known kind.
    """
    sources = [_source(name, streamed) for word in words for name in _names(word, output)]
    _refuse_twice(sources)
    for source in sources:
        if source.path is not None and output != STDIO and source.path == Path(output).resolve():
            raise FileError(f"{output}: is the input too; give another file for the output")
    return sources


def _names(word: str, output: str) -> Iterator[str]:
    if word == STDIO or Path(word).is_file():
        yield word
        return
    if Path(word).is_dir():
        found: Iterable[str] = (str(path) for path in Path(word).iterdir() if not path.name.startswith("."))
    elif glob.has_magic(word):
        found = glob.glob(word, recursive=True)
    else:
        yield word
        return
    own = {Path(output).resolve(), rejects_path(Path(output)).resolve()}
    files = sorted(name for name in found if Kind.told(name) and Path(name).is_file() and Path(name).resolve() not in own)
    if not files:
        raise FileError(f"{word}: holds no files that end in {SUFFIXES}")
    yield from files


def rejects_path(output: Path) -> Path:
    """Say where the rows go that could not be scored."""
    return output.with_name(output.name + ".rejects.jsonl")


def _source(name: str, streamed: str | None) -> Source:
    kind = Kind.of(name, streamed)
    if name == STDIO:
        return Source(name, None, kind)
    path = Path(name).resolve()
    try:
        found = path.stat()
        if not os.access(path, os.R_OK):
            raise PermissionError(0, "no permission to read it")
    except OSError as error:
        raise FileError(f"{name}: cannot be read: {error.strerror}") from error
    return Source(name, path, kind, found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode))


def size_and_time(path: Path) -> tuple[int, int] | None:
    """Give a file's size in bytes and time of change in nanoseconds; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _refuse_twice(sources: Sequence[Source]) -> None:
    seen: dict[Path | None, str] = {}
    for source in sources:
        if source.path in seen:
            raise FileError(f"{source.name}: is named twice, its rows would be too")
        seen[source.path] = source.name
