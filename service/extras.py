"""Libraries that only some uses need: imported when they are, with a clear word when they, or what they connect to, are absent."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from service.errors import ExtraError, FileError

PATIENCE = 30


def imported(module: str, extra: str) -> Any:
    """Import a library that an extra brings. Raises ExtraError naming the extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtraError(module, extra) from error


def dask_client(address: str) -> Any:
    """Connect to the Dask scheduler at `address`, which must have a worker. Raises FileError, ExtraError without distributed."""
    distributed = imported("distributed", "dask")
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise FileError(f"{address}: no Dask scheduler answers ({error}); start one with `dask scheduler`") from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        client.close()
        raise FileError(f"{address}: the scheduler has no workers; start some with `dask worker {address}`") from error
    return client
