"""A real server process for tests: started on a free port, stopped by its process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any


class Server:
    """`conflict-service serve`, ready when entered, stopped with SIGTERM when left; `log` is what it printed."""

    def __init__(self, command: list[str], *options: str, cwd: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [*command, "serve", "--port", str(self.port), *options]
        self.cwd = cwd
        self.log = ""

    def __enter__(self) -> Server:
        self.output = tempfile.TemporaryFile()  # a pipe that nobody reads would fill and hold the server up
        self.process = subprocess.Popen(self.command, cwd=self.cwd, stdout=self.output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not self.ready():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline, "the server was not ready within a minute"
            time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log = self.printed()
        self.output.close()

    def printed(self) -> str:
        """Read what the server has printed so far."""
        return os.pread(self.output.fileno(), 1 << 30, 0).decode()

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def post(self, body: Any) -> Any:
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/classify", data, headers), timeout=30) as response:
            return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
