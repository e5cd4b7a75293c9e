"""The search's fits on the workers of a Dask cluster, through joblib's backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.extras import dask_client


@contextmanager
def fits_on(address: str | None) -> Iterator[None]:
    """Let joblib's parallel work within run on the cluster at `address`; without one, on this machine's cores.

    Raises FileError when no scheduler or worker is there, ExtraError without distributed.
    """
    if address is None:
        yield
        return
    import joblib

    with dask_client(address) as client, joblib.parallel_config("dask", client=client):
        yield
