"""Put a freshly written folder in the place of another, so that at no moment there is none."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

HERE = -100
EXCHANGE = 2


def swap_in(fresh: Path, place: Path) -> None:
    """Move `fresh` to `place`; what stood there, if anything, is then at `fresh`. Raises OSError.

    On Linux both happen in one step (renameat2 with RENAME_EXCHANGE). Elsewhere, or on a file system that cannot do it, there is a moment
    between two renames in which nothing stands at `place`.
    """
    if not place.exists():
        fresh.rename(place)
    elif not _exchange(fresh, place):
        aside = fresh.with_name(f"{fresh.name}.aside")
        place.rename(aside)
        fresh.rename(place)
        aside.rename(fresh)


def _exchange(first: Path, second: Path) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    return rename is not None and rename(HERE, os.fsencode(first), HERE, os.fsencode(second), EXCHANGE) == 0
