"""Requests per second on loopback beside plain Flask (gunicorn, scikit-learn's pipeline) and MLServer's scikit-learn runtime.

usage: python -m tests.benchmarks.load [--environments FOLDER] [--seconds 5] [--rounds 3]

The same story of 400 words, one worker each, no request logs, wrk with eight connections (`apt install wrk`), rounds of the three in turn,
medians; the other two idle meanwhile. Once all may use all cores; once the servers are held to the last core and wrk to the first: threads
that take turns then stay in one core's cache. The peers are installed by pip into environments of their own, made in FOLDER when they are
not there. Then lists of 64 times that story, in stories per second, against `Tagger.tag` alone, and the latency at a quarter of the rate
reached. Prints Markdown.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from service.model.artifact import read
from service.model.story import Story
from service.model.tagger import Tagger
from tests.benchmarks.processes import environment
from tests.conftest import DATASETS, DEFAULT, ROOT
from tests.system.server import Server, free_port

WORDS, CONNECTIONS, BATCH = 400, 8, 64
OURS, FLASK, MLSERVER = "this service", "Flask, gunicorn, scikit-learn", "MLServer, scikit-learn"
PEERS = {FLASK: ("flask", ("flask", "gunicorn", "scikit-learn")), MLSERVER: ("mlserver", ("mlserver", "mlserver-sklearn"))}

FIT = """
import json, sys, joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
topics = ("border_clash", "diplomacy", "casualties")
tfidf = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True, strip_accents="unicode")
model = make_pipeline(tfidf, OneVsRestClassifier(LogisticRegression(C=30, max_iter=1000)))
model.fit([f"{row.get('title', '')} {row['text']}" for row in rows], [[int(topic in row["topics"]) for topic in topics] for row in rows])
joblib.dump(model, sys.argv[2])
"""

APP = """
import joblib
from flask import Flask, jsonify, request
model = joblib.load("model.joblib")
app = Flask(__name__)

@app.post("/classify")
def classify():
    return jsonify(model.predict_proba([request.get_json()["text"]])[0].tolist())
"""

POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary)
  if summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout > 0 then print("FAULTS") end
end
"""


def story() -> bytes:
    words = (DATASETS / "sample_story.txt").read_text("utf-8").split()
    return json.dumps({"id": "a1", "text": " ".join((words * WORDS)[:WORDS])}).encode()


@contextmanager
def running(command: list[object], cwd: Path, ready: str) -> Iterator[None]:
    with (cwd / "log.txt").open("wb") as log:
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(ready, process, cwd / "log.txt")
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"the peer did not start:\n{log.read_text()[-2000:]}")


def ours() -> Server:
    return Server([sys.executable, "-m", "service"], "--set", "log_requests=false", cwd=ROOT)


def flask(folder: Path, programs: Path, stack: ExitStack) -> tuple[str, bytes]:
    port = free_port()
    (folder / "app.py").write_text(APP)
    command = [programs / "gunicorn", "--workers", 1, "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "app:app"]
    stack.enter_context(running(command, folder, f"http://127.0.0.1:{port}/"))
    return f"http://127.0.0.1:{port}/classify", story()


def mlserver(folder: Path, programs: Path, stack: ExitStack) -> tuple[str, bytes]:
    ports = [free_port() for _ in range(3)]
    names = ("http_port", "grpc_port", "metrics_port")
    settings = {**dict(zip(names, ports, strict=True)), "host": "127.0.0.1", "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "topics", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    stack.enter_context(running([programs / "mlserver", "start", "."], folder, f"http://127.0.0.1:{ports[0]}/v2/models/topics/ready"))
    text = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [json.loads(story())["text"]], "parameters": {"content_type": "str"}}
    body = {"parameters": {"content_type": "str"}, "inputs": [text], "outputs": [{"name": "predict_proba"}]}
    return f"http://127.0.0.1:{ports[0]}/v2/models/topics/infer", json.dumps(body).encode()


def load(url: str, body: bytes, seconds: int, folder: Path) -> float:
    """Give the requests per second that wrk reaches."""
    (folder / "body.json").write_bytes(body)
    (folder / "post.lua").write_text(POST.format(body=folder / "body.json"))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", folder / "post.lua", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None or "FAULTS" in said:
        sys.exit(f"{url} answered with faults:\n{said}")
    return float(found[1])


def batches(port: int, seconds: float) -> float:
    """Give the stories per second of lists of 64 over one connection."""
    text = json.loads(story())["text"]
    body = json.dumps({"stories": [{"id": str(number), "text": text} for number in range(BATCH)]}).encode()
    connection, count, begun = http.client.HTTPConnection("127.0.0.1", port), 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        connection.request("POST", "/classify", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        count += BATCH
    connection.close()
    return count / (time.perf_counter() - begun)


def tagging(seconds: float) -> float:
    """Give the stories per second of the tagger alone, for the same list."""
    tagger, stories, count = Tagger(read(DEFAULT)), [Story(text=json.loads(story())["text"])] * BATCH, 0
    tagger.tag(stories)
    begun = time.perf_counter()
    while time.perf_counter() < begun + seconds:
        tagger.tag(stories)
        count += BATCH
    return count / (time.perf_counter() - begun)


def latencies(port: int, rate: float, seconds: float) -> list[float]:
    """Send at a constant rate over one connection; give milliseconds from when each was due, sorted: a stall counts for all behind it."""
    body, connection, found = story(), http.client.HTTPConnection("127.0.0.1", port), []
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("POST", "/classify", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        found.append((time.perf_counter() - due) * 1e3)
    connection.close()
    return sorted(found)


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Let what is started meanwhile use these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    yield
    os.sched_setaffinity(0, before)


def compare(environments: Path, seconds: int, rounds: int, cores: tuple[set[int], set[int]]) -> dict[str, float]:
    """Give the median requests per second of each server; `cores`: those of the servers, and those of wrk."""
    reached: dict[str, list[float]] = {}
    with ExitStack() as stack, on_cores(cores[0]):
        server = stack.enter_context(ours())
        targets = {OURS: (f"{server.url}/classify", story())}
        for name, start in ((FLASK, flask), (MLSERVER, mlserver)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                programs = environment(environments, *PEERS[name])
                subprocess.run([programs / "python", "-c", FIT, DATASETS / "stories.jsonl", folder / "model.joblib"], check=True)
            except subprocess.CalledProcessError as error:
                print(f"{name}: could not be installed or fitted ({error.returncode}); left out")
                continue
            targets[name] = start(folder, programs, stack)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_cores(cores[1]):
            for _ in range(rounds):
                for name, (url, body) in targets.items():
                    reached.setdefault(name, []).append(load(url, body, seconds, scratch))
    return {name: statistics.median(found) for name, found in reached.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "conflict-tagger-peers")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    free = compare(options.environments, options.seconds, options.rounds, (cores, cores))
    held = compare(options.environments, options.seconds, options.rounds, ({max(cores)}, {min(cores)}))
    print("| server, one worker | requests/s | of this service's | held to one core | of it |\n|---|---:|---:|---:|---:|")
    for name in free:
        cells = (f"{found[name]:,.0f} | 1/{found[OURS] / found[name]:.1f}" for found in (free, held))
        print(f"| {name} | {' | '.join(cells)} |")
    with ours() as server:
        pairs = [(batches(server.port, options.seconds), tagging(options.seconds)) for _ in range(options.rounds)]
        rate = free[OURS] / 4
        found = latencies(server.port, rate, options.seconds * 2)
    mine, alone = (statistics.median(part) for part in zip(*pairs, strict=True))
    print(f"\nLists of {BATCH}: {mine:,.0f} stories/s, {mine / alone:.0%} of the tagger alone ({alone:,.0f}).")
    half, most = found[len(found) // 2], found[int(len(found) * 0.99)]
    print(f"At {rate:,.0f} requests/s: median {half:.2f} ms, 99th percentile {most:.2f} ms.")


if __name__ == "__main__":
    main()
