"""Rates counted in a real Redis by several real servers, and what they do when it goes away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.system.browser import missing
from tests.system.server import Server, free_port
from tests.system.test_service import ask

SERVICE = [sys.executable, "-m", "service"]
MOST = 5
STORY = {"text": "Two soldiers were killed at the border"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a Redis that keeps nothing on disk; give its port and its process."""
    program, port = shutil.which("redis-server"), free_port()
    if not program:
        missing("redis-server")
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path))
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, process
        process.terminate()


def servers(stack: ExitStack, count: int, storage: str) -> list[Server]:
    options = ("--workers", "2", "--set", f"rate_limit={MOST}/hour", "--set", f"rate_storage={storage}")
    return [stack.enter_context(Server(SERVICE, *options, cwd=ROOT)) for _ in range(count)]


def statuses(asked: list[Server]) -> list[int]:
    return [ask(server, "POST", "/classify", STORY)[0] for server in asked]


def test_several_servers_and_workers_count_together(database: tuple[int, object]) -> None:
    with ExitStack() as stack:
        first, second = servers(stack, 2, f"redis://127.0.0.1:{database[0]}")
        assert statuses([first, second] * 5) == [200] * MOST + [429] * 5
        status, headers, said = ask(second, "POST", "/classify", STORY)
        assert (status, said["detail"]) == (429, "More than 5 per 1 hour were asked.")
        assert 3500 < int(headers["Retry-After"]) <= 3600


def test_without_the_database_callers_are_still_answered_and_still_limited(database: tuple[int, subprocess.Popen[bytes]]) -> None:
    port, process = database
    with ExitStack() as stack:
        [server] = servers(stack, 1, f"redis://127.0.0.1:{port}")
        assert statuses([server] * 6)[-1] == 429
        process.terminate()
        process.wait(10)
        found = statuses([server] * 20)
        assert found[0] == 200
        assert set(found[2 * MOST :]) <= {200, 429}
        assert found.count(200) <= 2 * MOST  # two workers, each counting for itself
        assert "counted in this worker's memory" in server.printed()


@pytest.mark.parametrize("storage", ["nowhere://x", "redis"])
def test_a_storage_that_is_none_is_named_at_start(storage: str) -> None:
    done = subprocess.run([*SERVICE, "config", "--set", f"rate_storage={storage}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: --rate-storage: Value error, unknown storage scheme")
