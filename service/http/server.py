"""Run the app under granian."""

from __future__ import annotations

import os
from pathlib import Path

from service.http.app import ENVIRONMENT


def serve(model: Path, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first."""
    from granian import Granian
    from granian.constants import Interfaces

    os.environ[f"{ENVIRONMENT}_MODEL"] = str(model.resolve())
    Granian(
        "service.http.app:create_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=workers,
        blocking_threads=2,
        websockets=False,
        workers_kill_timeout=10,
        respawn_failed_workers=True,
    ).serve()
