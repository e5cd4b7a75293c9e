"""What `POST /classify` takes on loopback: one connection kept open, a story of 400 words, medians over rounds.

The server's own processor time is told too, for a machine that others use.

python -m tests.benchmarks.http [--requests 2000] [serve options ...]
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import time
from pathlib import Path

from tests.conftest import DATASETS, ROOT
from tests.system.server import Server

WORDS, ROUNDS = 400, 5


def story() -> bytes:
    words = (DATASETS / "sample_story.txt").read_text("utf-8").split()
    return json.dumps({"id": "a1", "text": " ".join((words * WORDS)[:WORDS])}).encode()


def measure(port: int, body: bytes, requests: int) -> list[float]:
    """Give the microseconds of each request."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(requests):
        start = time.perf_counter()
        connection.request("POST", "/classify", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        took.append((time.perf_counter() - start) * 1e6)
        assert answer.status == 200, answer.status
    connection.close()
    return took


def processor(parent: int) -> float:
    """Give the microseconds of processor time of a process's children."""
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(found[11]) + int(found[12]) for found in fields) * 1e6 / os.sysconf("SC_CLK_TCK")


def main(options: list[str]) -> None:
    requests = 2000
    if options[:1] == ["--requests"]:
        requests, options = int(options[1]), options[2:]
    with Server([sys.executable, "-m", "service"], *options, cwd=ROOT) as server:
        measure(server.port, story(), 200)
        before = processor(server.process.pid)
        medians = [statistics.median(measure(server.port, story(), requests // ROUNDS)) for _ in range(ROUNDS)]
        spent = (processor(server.process.pid) - before) / requests
    middle, least, most = statistics.median(medians), min(medians), max(medians)
    print(f"{len(story())} bytes, median of {ROUNDS} medians {middle:.0f} us, {least:.0f} to {most:.0f}; processor {spent:.0f} us")


if __name__ == "__main__":
    main(sys.argv[1:])
