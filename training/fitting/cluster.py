"""The search's fits on the workers of a Dask cluster, through joblib's backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import ConflictError
from service.extras import imported

PATIENCE = 30


@contextmanager
def fits_on(address: str | None) -> Iterator[None]:
    """Let joblib's parallel work within run on the cluster at `address`; without one, on this machine's cores.

    Raises ConflictError when no scheduler or worker is there, ExtraError without distributed.
    """
    if address is None:
        yield
        return
    import joblib

    distributed = imported("distributed", "dask")
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        raise ConflictError(f"{address}: no Dask scheduler answers ({error}); start one with `dask scheduler`") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ConflictError(f"{address}: the scheduler has no workers; start some with `dask worker {address}`") from error
        with joblib.parallel_config("dask"):
            yield
