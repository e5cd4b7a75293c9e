"""Chunks given to the workers of a Dask cluster, which read inputs, model and parts folder by path: all must share a file system."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from service.batch.chunks import Chunk
from service.batch.job import Job
from service.batch.tagging import Receipt, score_chunk
from service.errors import FileError
from service.extras import dask_client, imported

AHEAD = 3
RETRIES = 2


def work(job: Job, chunks: Iterator[Chunk], folder: Path, address: str) -> Iterator[tuple[Chunk, Receipt]]:
    """Score chunks on the cluster at `address`, giving each with its receipt as it gets done, in any order.

    A worker that dies has its chunks done elsewhere. Raises FileError when no scheduler or worker is there, or a chunk kills each.
    """
    distributed = imported("distributed", "dask")
    with dask_client(address) as client:
        try:
            yield from _windowed(distributed, client, lambda chunk: _submit(client, job, chunk, folder), chunks)
        except (distributed.KilledWorker, distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise FileError(f"{address}: {error}; the same command goes on where it stopped") from error
        except (RuntimeError, ImportError, AttributeError) as error:
            advice = "scheduler and workers must have this version of the package installed, and its extra `dask`"
            raise FileError(f"{address}: the cluster cannot take the work ({str(error).splitlines()[0]}); {advice}") from error


def _submit(client: Any, job: Job, chunk: Chunk, folder: Path) -> Any:
    return client.submit(score_shared, job, chunk, folder, pure=False, retries=RETRIES)


def _windowed(distributed: Any, client: Any, submit: Any, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Receipt]]:
    window = AHEAD * max(1, sum(client.nthreads().values()))
    pending = {submit(chunk): chunk for chunk in islice(chunks, window)}
    finished = distributed.as_completed(list(pending), loop=client.loop)
    for future in finished:
        yield pending.pop(future), future.result()
        for chunk in islice(chunks, 1):
            more = submit(chunk)
            pending[more] = chunk
            finished.add(more)


def score_shared(job: Job, chunk: Chunk, folder: Path) -> Receipt:
    """Score a chunk on a worker. Raises FileError when the worker does not see the run's files."""
    for path in (folder, job.model):
        if not path.is_dir():
            raise FileError(f"{path}: a worker does not see this folder; the cluster must share the file system of the run")
    return score_chunk(job, chunk, folder)
