"""API keys: long random secrets, of which a file holds only digests.

A key reads `ct_ID_SECRET`. The secret has 256 random bits, so one SHA-256 protects it as well as a slow hash would.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.errors import KeysError

SCOPES = ("classify", "read", "metrics")
NOBODY = "0" * 64
CHECKED_EVERY = 1.0


@dataclass(frozen=True)
class Key:
    """What the file knows of a key. scopes: some of SCOPES; revoked: when, or None."""

    id: str
    note: str
    scopes: tuple[str, ...]
    sha256: str
    made: str
    revoked: str | None = None


class KeyFile:
    """Keys in a JSON file; `find` reads it anew when it was changed, so that a revoked key ends within a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[str, Key] = {}
        self._stamp: object = None
        self._checked = 0.0

    def read(self) -> dict[str, Key]:
        """Read all keys by id; an absent file holds none. Raises KeysError."""
        try:
            entries = json.loads(self.path.read_bytes())
            return {entry["id"]: Key(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in entries}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise KeysError(f"{self.path}: no readable file of keys ({type(error).__name__}: {error})") from error

    def new(self, note: str, scopes: Sequence[str]) -> str:
        """Add a key and give it; it is shown this once. Raises KeysError."""
        number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = Key(number, note, tuple(scopes), _digest(secret), _now())
        self._write({**self.read(), number: key})
        return f"ct_{number}_{secret}"

    def revoke(self, number: str) -> None:
        """End a key. Raises KeysError when there is none of that id."""
        keys = self.read()
        if number not in keys:
            raise KeysError(f"{self.path}: no key {number!r}; `conflict-service keys list` shows them")
        self._write({**keys, number: Key(**{**asdict(keys[number]), "revoked": keys[number].revoked or _now()})})

    def find(self, token: str) -> Key | None:
        """Give the key that a caller's token is, or None. Takes as long for a wrong secret as for an unknown id."""
        self._refresh()
        number, _, secret = token.removeprefix("ct_").partition("_")
        key = self._keys.get(number)
        right = hmac.compare_digest(_digest(secret), key.sha256 if key else NOBODY)
        return key if right and key and key.revoked is None else None

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._stamp is not None and now - self._checked < CHECKED_EVERY:
            return
        self._checked = now
        stamp = _stamp(self.path)
        if stamp != self._stamp:
            self._keys, self._stamp = self.read(), stamp

    def _write(self, keys: dict[str, Key]) -> None:
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False) as file:
                json.dump([asdict(key) for key in keys.values()], file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self.path)
        except OSError as error:
            raise KeysError(f"{self.path}: cannot be written: {error.strerror}") from error


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return "absent"
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
