"""Chunks given to processes of this machine, a few ahead of those at work, so that memory does not follow the input."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from pathlib import Path

from service.batch.chunks import Chunk
from service.batch.job import Job
from service.batch.tagging import Receipt, score_chunk
from service.errors import FileError

AHEAD = 2


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work(job: Job, chunks: Iterator[Chunk], folder: Path, processes: int) -> Iterator[tuple[Chunk, Receipt]]:
    """Score chunks, giving each with its receipt as it gets done, in any order; a single chunk or process is worked on right here."""
    head = list(islice(chunks, min(processes, 2)))
    chunks = chain(head, chunks)
    if len(head) < 2:
        yield from ((chunk, score_chunk(job, chunk, folder)) for chunk in chunks)
        return
    try:
        with ProcessPoolExecutor(processes, _context(), initializer=_start) as pool:
            yield from _windowed(pool, job, chunks, folder, processes * AHEAD)
    except BrokenProcessPool as error:
        raise FileError("a process of this run was killed (was memory short?); the same command goes on where it stopped") from error


def _windowed(pool: ProcessPoolExecutor, job: Job, chunks: Iterator[Chunk], folder: Path, window: int) -> Iterator[tuple[Chunk, Receipt]]:
    pending: dict[Future[Receipt], Chunk] = {}
    try:
        while True:
            for chunk in islice(chunks, window - len(pending)):
                pending[pool.submit(score_chunk, job, chunk, folder)] = chunk
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """Choose a way to start processes that leaves them nothing of this one's: no locks, no threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start() -> None:
    """Leave Ctrl-C to the parent, and end with it, even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
