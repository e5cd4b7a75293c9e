"""Run the app under granian."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, suppress

from service.errors import ConflictError
from service.http.logs import dictconfig
from service.http.settings import IN_FORCE, Settings
from service.model.artifact import read
from service.model.tagger import Tagger

FIGURES = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client looks at it when imported, so nothing above may import it
SPARE = 4
MOST_HEAD = 64 * 1024


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings

    with ExitStack() as stack:
        os.environ[IN_FORCE] = settings.model_dump_json()
        if FIGURES not in os.environ:
            os.environ[FIGURES] = stack.enter_context(tempfile.TemporaryDirectory(prefix="conflict-metrics-"))
        _warm_up(settings)
        Granian(
            "service.http.app:create_served_app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=settings.workers,
            blocking_threads=settings.concurrency + SPARE,
            http1_settings=HTTP1Settings(header_read_timeout=round(settings.header_seconds * 1000), max_buffer_size=MOST_HEAD),
            websockets=False,
            workers_kill_timeout=_patience(settings),
            respawn_failed_workers=True,
            log_dictconfig=dictconfig(),
        ).serve()


def _warm_up(settings: Settings) -> None:
    """Import and compile what scores before workers are forked, so that they share it; what is wrong with the model they say themselves."""
    with suppress(ConflictError, OSError, MemoryError):
        Tagger(read(settings.model or None)).self_test()


def _patience(settings: Settings) -> int:
    return max(10, round(settings.max_seconds) + 1)
