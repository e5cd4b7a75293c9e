"""The service under ten minutes of everything at once: good and bad callers, models switched, workers killed. Wrong answers are told.

usage: python -m tests.benchmarks.soak [--minutes 10] [--callers 12]

Two workers on loopback, few places (so that some callers hear 503 and when to come again). Stories of the shipped corpus go singly, as
lists, with evidence and as streams, and each answer is compared with what the model that it names says here. Between them go bodies that
must be refused, heads that are too large, and connections that hardly send. Every three seconds the current model changes (every third time
to one that is broken, which must be refused); every 15 to 25 seconds a worker is killed. A connection may be lost only around a kill.
Prints Markdown; ends with 1 when anything went wrong. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

from service.answers import answer
from service.model.artifact import read
from service.model.current import ENVIRONMENT, POINTER
from service.model.story import Story
from service.model.tagger import Tagger
from tests.benchmarks.processes import family, megabytes
from tests.conftest import DATASETS, DEFAULT, ROOT, small_part
from tests.system.server import Server
from tests.system.test_service import BAD, JSON, NDJSON
from training.corpus.stories import read_corpus
from training.fitting.fit import Settings
from training.train import train

STORIES, LIST, TERMS = 200, 8, 5
SWITCH_EVERY, KILL_EVERY = 3.0, (15.0, 25.0)
AROUND_A_KILL = 3.0
SLOW = 20
LIMITS = (
    "max_content_length=12000000",
    "max_characters=11000000",
    "concurrency=3",
    "poll_seconds=0.5",
    "header_seconds=5",
    "log_requests=false",
)
LOST = (http.client.HTTPException, OSError)


@dataclass
class Record:
    """What the callers saw. wrong: what must not be, in words. lost: when a connection ended unanswered. took: seconds, of the good."""

    seen: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    switches: int = 0
    memory: list[float] = field(default_factory=list)

    def unexplained(self) -> list[float]:
        """Say when connections were lost without a kill."""
        return [when for when in self.lost if not any(-0.1 < when - kill < AROUND_A_KILL for kill in self.kills)]


class Caller:
    """One caller: asks what chance has it ask, and compares."""

    def __init__(self, server: Server, taggers: dict[str, Tagger], stories: list[Story], record: Record, seed: int) -> None:
        self.server, self.taggers, self.stories, self.record = server, taggers, stories, record
        self.chance = random.Random(seed)
        self.slow: list[socket.socket] = []
        self.connection = self._connect()

    def run(self, until: float) -> None:
        kinds: list[Callable[[], None]] = [self.single, self.list, self.stream, self.bad, self.refused, self.hardly_sending]
        while time.monotonic() < until:
            kind = self.chance.choices(kinds, (40, 20, 10, 20, 8, 2))[0]
            try:
                kind()
            except LOST:
                self.record.lost.append(time.monotonic())
                self.connection.close()
                time.sleep(0.05)
            except Exception as error:  # such as an answer that is no JSON: a caller that ends would find nothing more
                self.record.wrong.append(f"{kind.__name__}: {error!r}")
        self.connection.close()
        for connection in self.slow:
            connection.close()

    def single(self) -> None:
        story, terms = self.chance.choice(self.stories), self.chance.choice((0, TERMS))
        said = self._asked(f"/classify?evidence={terms}", _record(story))
        if said is not None:
            self._compare(story, json.loads(said), terms)

    def list(self) -> None:
        stories = self.chance.sample(self.stories, LIST)
        said = self._asked("/v1/classify?partial=1", {"stories": [*map(_record, stories), {"text": 5}]})
        if said is not None:
            *answers, last = json.loads(said)["stories"]
            for story, found in zip(stories, answers, strict=True):
                self._compare(story, found)
            self._must("error" in last, f"a bad story in a list was answered: {last}")

    def stream(self) -> None:
        stories = self.chance.sample(self.stories, LIST)
        lines = b"".join(json.dumps(_record(story)).encode() + b"\n" for story in stories)
        said = self._asked("/v1/classify", lines, NDJSON)
        if said is not None:
            found = said.splitlines()
            if len(found) < LIST:
                raise http.client.IncompleteRead(said)
            for story, line in zip(stories, found, strict=True):
                self._compare(story, json.loads(line))

    def bad(self) -> None:
        name, body, expected = self.chance.choice(BAD)
        self._status(name, expected, "POST", "/classify", body, JSON)

    def refused(self) -> None:
        huge = {"X-Huge": "x" * 1_000_000}
        packed = {**JSON, "Content-Encoding": "gzip"}
        rows: list[tuple[str, int, str, str, bytes | None, dict[str, str]]] = [
            ("a packed body", 415, "POST", "/classify", b"\x1f\x8b" + bytes(1000), packed),
            ("no JSON by its type", 415, "POST", "/classify", b"Two killed", {"Content-Type": "text/plain"}),
            ("another method", 405, "DELETE", "/classify", None, {}),
            ("an unknown place", 404, "GET", "/../../etc/passwd", None, {}),
            ("a huge head", 431, "GET", "/labels", None, huge),
        ]
        name, expected, method, path, body, headers = self.chance.choice(rows)
        self._status(name, expected, method, path, body, headers)

    def hardly_sending(self) -> None:
        """Leave a connection with half a head, and let go of the oldest."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=5)
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        self.slow.append(connection)
        if len(self.slow) > SLOW:
            self.slow.pop(0).close()
        self.record.seen["connections left half open"] += 1

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)

    def _asked(self, path: str, body: Any, headers: dict[str, str] = JSON) -> bytes | None:
        """Give the body of a good answer; None when the service asks to come again."""
        begun = time.monotonic()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, said = self._exchange("POST", path, data, headers)
        if status is None:
            return None
        self.record.took.append(time.monotonic() - begun)
        self._must(status == 200, f"{path}: {status} {said[:200]!r}")
        self.record.seen["good requests answered"] += 1
        return said if status == 200 else None

    def _status(self, name: str, expected: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        status, said = self._exchange(method, path, body, headers)
        if status is not None:
            self._must(status == expected, f"{name}: {status}, not {expected}: {said[:200]!r}")
            self.record.seen["bad requests answered as stated"] += 1

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int | None, bytes]:
        with suppress(BrokenPipeError):  # an answer may come before all was sent
            self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        said = response.read()
        if response.status != 200:
            self.connection.close()  # what was not read of a refused body is not the next request
        if response.status == 503 and response.headers["Retry-After"]:
            self.record.seen["503 with Retry-After"] += 1
            time.sleep(self.chance.uniform(0.01, 0.1))
            return None, said
        self._must(response.status < 500, f"{method} {path}: {response.status} {said[:200]!r}")
        return response.status, said

    def _compare(self, story: Story, found: dict[str, Any], terms: int = 0) -> None:
        self.record.models[found["model"]] += 1
        tagger = self.taggers.get(found["model"])
        [expected] = answer(tagger, [story], terms) if tagger else [None]
        self._must(found == expected, f"story {story.id}: {found}, not {expected}")
        self.record.seen["stories compared"] += 1

    def _must(self, right: bool, words: str) -> None:
        if not right:
            self.record.wrong.append(words)


def _record(story: Story) -> dict[str, Any]:
    return {"id": story.id, "title": story.title, "text": story.text}


@contextmanager
def models() -> Iterator[tuple[Path, dict[str, Tagger]]]:
    """Make a models folder: the shipped model, a rival, and one that is broken."""
    with tempfile.TemporaryDirectory() as space:
        folder = Path(space)
        shutil.copytree(DEFAULT, folder / "default")
        train(small_part(read_corpus([DATASETS])), Settings()).write(folder / "rival")
        shutil.copytree(folder / "rival", folder / "broken")
        with (folder / "broken" / "model.safetensors").open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"x")
        taggers = [Tagger(read(folder / name)) for name in ("default", "rival")]
        yield folder, {tagger.model.name: tagger for tagger in taggers}


def switch(folder: Path, record: Record, until: float) -> None:
    for name in cycle(("rival", "default", "broken")):
        if time.monotonic() > until:
            return
        (folder / ".next").write_text(name)
        (folder / ".next").replace(folder / POINTER)
        record.switches += 1
        time.sleep(SWITCH_EVERY)


def kill(server: Server, record: Record, until: float) -> None:
    chance = random.Random(0)
    while time.monotonic() + 1 < until:
        time.sleep(min(chance.uniform(*KILL_EVERY), max(0.0, until - time.monotonic())))
        workers = family(server.process.pid)[1:]
        if time.monotonic() < until and len(workers) > 1:
            record.kills.append(time.monotonic())
            os.kill(chance.choice(workers), signal.SIGKILL)


def sample(server: Server, record: Record, until: float) -> None:
    while time.monotonic() < until:
        record.memory.append(sum(map(megabytes, family(server.process.pid))))
        time.sleep(1)


def soak(seconds: float, callers: int) -> Record:
    """Let all happen at once for so long; give what was seen."""
    record = Record()
    rows = [json.loads(line) for line in (DATASETS / "stories.jsonl").read_text("utf-8").splitlines()]
    stories = [Story(row["id"], row.get("title", ""), row["text"]) for row in rows[:: len(rows) // STORIES]]
    options = [word for limit in LIMITS for word in ("--set", limit)]
    with models() as (folder, taggers), patch.dict(os.environ, {ENVIRONMENT: str(folder)}):
        with Server([sys.executable, "-m", "service"], "--workers", "2", *options, cwd=ROOT) as server:
            until = time.monotonic() + seconds
            works: list[Callable[[], None]] = [
                *(partial(Caller(server, taggers, stories, record, seed).run, until) for seed in range(callers)),
                partial(switch, folder, record, until),
                partial(kill, server, record, until),
                partial(sample, server, record, until),
            ]
            threads = [threading.Thread(target=work) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        record.seen["broken models refused"] = server.log.count("model not loaded")
    return record


def report(record: Record) -> bool:
    """Print what was seen; say whether all was well."""
    took, memory = sorted(record.took), record.memory[30:] or record.memory
    fifth = max(1, len(memory) // 5)
    early, late = statistics.median(memory[:fifth]), statistics.median(memory[-fifth:])
    rows: list[tuple[str, object]] = [
        *sorted(record.seen.items()),
        ("answers by each model", ", ".join(f"{name} {count:,}" for name, count in sorted(record.models.items()))),
        ("model switches, workers killed", f"{record.switches}, {len(record.kills)}"),
        ("connections lost within three seconds of a kill, and else", f"{len(record.lost)}, {len(record.unexplained())}"),
        (
            "median and 99th percentile of a good request",
            f"{took[len(took) // 2] * 1e3:.0f} ms, {took[int(len(took) * 0.99)] * 1e3:.0f} ms",
        ),
        ("memory of all processes: first fifth, last fifth, most", f"{early:.0f}, {late:.0f}, {max(memory):.0f} MB"),
        ("wrong", len(record.wrong)),
    ]
    print("| | |\n|---|---:|")
    for name, figure in rows:
        print(f"| {name} | {figure if isinstance(figure, str) else format(figure, ',')} |")
    for words in record.wrong[:20]:
        print(words)
    return not record.wrong and not record.unexplained()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=12)
    options = parser.parse_args()
    sys.exit(not report(soak(options.minutes * 60, options.callers)))


if __name__ == "__main__":
    main()
