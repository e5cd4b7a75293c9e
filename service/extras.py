"""Libraries that only some uses need: imported when they are, with a clear word when they are absent."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from service.errors import ExtraError


def imported(module: str, extra: str) -> Any:
    """Import a library that an extra brings. Raises ExtraError naming the extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtraError(module, extra) from error
