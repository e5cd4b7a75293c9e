"""The journal of an unfinished run: which chunks are done, of which inputs, model and options. It lies with the parts beside the output."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from service.batch.chunks import Chunk
from service.batch.tagging import UNFINISHED, Receipt, part_path, rejects_part_path
from service.errors import ColumnError, FileError

NAME = "journal.jsonl"


def parts_folder(output: Path) -> Path:
    """Say where the parts of an unfinished output lie."""
    return output.with_name(f".{output.name}.parts")


class Journal:
    """One run's journal, held locked: a line that describes the run, then one receipt a line. Made by `opened`."""

    def __init__(self, folder: Path, file: BinaryIO, done: dict[int, Receipt]) -> None:
        self.folder, self.file, self.done = folder, file, done

    def missing(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass on the chunks that are not done. Raises FileError when one that is done was cut from other bytes."""
        count = 0
        for chunk in chunks:
            count += 1
            receipt = self.done.get(chunk.number)
            if receipt is None:
                yield chunk
            elif receipt.digest != chunk.digest:
                raise _changed(self.folder, f"{chunk.file} from line {chunk.line} on")
        if any(number >= count for number in self.done):
            raise _changed(self.folder, "the end of the input")

    def record(self, receipt: Receipt) -> None:
        """Write down that a chunk is done."""
        self.file.write(json.dumps(asdict(receipt)).encode() + b"\n")
        self.file.flush()
        self.done[receipt.number] = receipt

    def receipts(self) -> list[Receipt]:
        """Give all receipts in the order of the chunks."""
        return [self.done[number] for number in sorted(self.done)]

    def discard(self) -> None:
        """Remove the parts and the journal; a kill half-way leaves nothing that could be taken for an unfinished run."""
        stale = _stale(self.folder)
        shutil.rmtree(stale, ignore_errors=True)
        self.folder.rename(stale)
        shutil.rmtree(stale, ignore_errors=True)


def _stale(folder: Path) -> Path:
    return folder.with_name(folder.name + ".done")


@contextmanager
def opened(folder: Path, description: Mapping[str, Any], *, restart: bool = False) -> Iterator[Journal]:
    """Open the journal in a folder of parts, made if need be, and lock it.

    It is discarded when it ends with nothing done, or with columns that cannot be read or added: then nothing is worth going on with.
    Raises FileError when the folder holds an unfinished run of another description (unless `restart`), or another run is at work there.
    """
    try:
        shutil.rmtree(_stale(folder), ignore_errors=True)
        with _locked(folder) as file:
            if restart:
                file.truncate(0)
            done = _read(folder, file, description)
            _sweep(folder, done)
            journal = Journal(folder, file, done)
            try:
                yield journal
            except BaseException as error:
                if not journal.done or isinstance(error, ColumnError):
                    journal.discard()
                raise
    except OSError as error:
        raise FileError(f"{error.filename or folder}: {error.strerror}; the same command goes on from here once that is mended") from error


@contextmanager
def _locked(folder: Path) -> Iterator[BinaryIO]:
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileError(f"{folder}: another run is at work here; wait for it, or end it") from error
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise FileError(f"{folder}: another run has just ended here; run again")
        yield file


def _read(folder: Path, file: BinaryIO, description: Mapping[str, Any]) -> dict[int, Receipt]:
    """Read the receipts; a line that a kill or a full disk cut short is cut off. A new journal gets its description."""
    file.seek(0)
    entries, end = [], 0
    for line in file:
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
        if not line.endswith(b"\n"):
            entries.pop()
            break
        end += len(line)
    file.truncate(end)
    if len(entries) < 2:
        file.truncate(0)
        file.write(json.dumps(description).encode() + b"\n")
        file.flush()
        return {}
    if entries[0] != description:
        raise _changed(folder, ", ".join(_differences(entries[0], description)))
    receipts = (Receipt(**entry) for entry in entries[1:])
    return {receipt.number: receipt for receipt in receipts if _is_there(folder, receipt)}


def _is_there(folder: Path, receipt: Receipt) -> bool:
    return _size(part_path(folder, receipt.number)) == receipt.size and (
        not receipt.rejects or _size(rejects_part_path(folder, receipt.number)) == receipt.rejects_size
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sweep(folder: Path, done: Mapping[int, Receipt]) -> None:
    """Remove what belongs to no receipt."""
    known = {path.name for number in done for path in (part_path(folder, number), rejects_part_path(folder, number))}
    for path in folder.iterdir():
        if path.name != NAME and (path.name not in known or path.name.endswith(UNFINISHED)):
            path.unlink(missing_ok=True)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if then.get("inputs") != now["inputs"]:
        before = {entry["file"]: entry for entry in then.get("inputs", [])}
        files = [entry["file"] for entry in now["inputs"] if entry != before.get(entry["file"])]
        yield f"the input ({files[0]})" if files else "the list of inputs"
    words = {"version": "the version of this program", "model": "the model", "columns": "the columns or the prefix", "output": "the output"}
    yield from (word for key, word in {**words, "chunk": "the size of chunks"}.items() if then.get(key) != now[key])


def _changed(folder: Path, what: str) -> FileError:
    return FileError(
        f"{folder}: holds an unfinished run, and since then this has changed: {what}. "
        "Parts of two runs are never mixed: put it back to go on, or give --restart (or delete that folder) to begin again"
    )
