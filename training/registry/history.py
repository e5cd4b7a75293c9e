"""What happened to the pointer of a models folder: one JSON line for each time that a command was about to move it.

A line is written, and on disk, before the pointer moves. So a command that is killed between the two leaves a line too many, never one too
few; as each line says what was current when it was written, later readers see from the next line, or from the pointer, whether the move was
carried out. Nothing is ever taken out of the file. A line that was cut in the middle stays, closed by a line end, and is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.rows import parse_json

HISTORY = "history.jsonl"
PROMOTE = "promote"
ROLLBACK = "rollback"
BY_HAND = "by hand"


@dataclass(frozen=True)
class Place:
    """A model as the history names it: its folder in the models folder, and its name, None when it could not be read."""

    folder: str
    model: str | None


@dataclass(frozen=True)
class Move:
    """The pointer's way from one model to another. figures: what they were compared on and how they differed. why: the reason to force it.

    done is derived, not written: False for a move that was cut short before the pointer moved.
    """

    time: str
    action: str
    origin: Place
    target: Place
    figures: Mapping[str, Any] | None = None
    why: str | None = None
    done: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "time": self.time,
            "action": self.action,
            "from": asdict(self.origin),
            "to": asdict(self.target),
            "figures": self.figures,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Move:
        """Read a decoded line. Raises KeyError or TypeError for what is none."""
        origin, target = (Place(str(line[end]["folder"]), line[end]["model"]) for end in ("from", "to"))
        return cls(str(line["time"]), str(line["action"]), origin, target, line.get("figures"), line.get("why"))


def now() -> str:
    """Give the time in UTC, as ISO 8601 writes it, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def held(models: Path) -> Iterator[int]:
    """Open a models folder's history for appending, one command at a time; others wait. Gives the descriptor for `append`."""
    import fcntl

    fresh = not (models / HISTORY).exists()
    descriptor = os.open(models / HISTORY, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if fresh:
            sync_folder(models)
        yield descriptor
    finally:
        os.close(descriptor)


def append(descriptor: int, move: Move) -> None:
    """Add a line in one write, and wait until it is on disk. A line that was cut short before is closed first."""
    line = json.dumps(move.to_json(), allow_nan=False).encode() + b"\n"
    size = os.fstat(descriptor).st_size
    cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    data = b"\n" + line if cut else line
    if os.write(descriptor, data) != len(data):
        raise OSError(None, "the disk took only a part of the line", HISTORY)
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_history(models: Path, current: str) -> tuple[list[Move], int]:
    """Read all moves, oldest first, given what is current now; and count the lines that are none.

    Where the pointer was changed by other means than these commands, a move `by hand` stands in between.
    """
    moves, unreadable = [], 0
    for line in _lines(models / HISTORY):
        try:
            moves.append(Move.from_json(parse_json(line)))
        except (ValueError, KeyError, TypeError, RecursionError):
            unreadable += 1
    return list(_settled(moves, current)), unreadable


def _lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line.strip()] if path.exists() else []


def _settled(moves: Sequence[Move], current: str) -> Iterator[Move]:
    """Tell moves that were carried out from those cut short: what was current next says it."""
    for move, following in zip(moves, [*moves[1:], None], strict=False):
        after = following.origin.folder if following else current
        done = after != move.origin.folder
        yield replace(move, done=done)
        if done and after != move.target.folder:
            yield Move("", BY_HAND, move.target, Place(after, None))


def standing(moves: Sequence[Move]) -> list[Move]:
    """Give the moves that led to what is current and were not rolled back, oldest first."""
    stack: list[Move] = []
    for move in moves:
        if move.done and move.action == ROLLBACK:
            stack = stack[:-1]
        elif move.done:
            stack.append(move)
    return stack
