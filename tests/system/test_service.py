"""The service as applications lean on it: real server processes, good callers and bad ones."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from service.errors import ServiceError, StoryError
from service.http import schema
from service.model.artifact import read
from tests.conftest import DEFAULT, ROOT
from tests.system.server import Server, free_port

COMMAND = [sys.executable, "-m", "service"]
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
SECRET_TEXT = "Two soldiers of the ninth brigade were killed"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    options = ("--workers", "2", "--set", "max_content_length=12000000", "--set", "max_characters=11000000")
    with Server(COMMAND, *options, cwd=ROOT) as server:
        yield server


def ask(server: Server, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """Give status, headers and body, decoded where it is JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        with suppress(BrokenPipeError):  # an answer may come before all was sent
            connection.request(method, path, data, headers if headers is not None else JSON)
        response = connection.getresponse()
        found = response.read()
    kind = response.headers.get_content_type()
    return (
        response.status,
        response.headers,
        json.loads(found) if kind.endswith("json") and kind != "application/x-ndjson" else found.decode(),
    )


def test_answers_have_the_described_shape_on_both_paths(server: Server) -> None:
    for path in ("/classify", "/v1/classify"):
        status, _, said = ask(server, "POST", f"{path}?evidence=3", {"title": "Clash", "text": "Two soldiers killed at the border"})
        assert status == 200
        assert schema.Answer.model_validate(said).evidence


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/labels", schema.Labels), ("/model", schema.ModelInfo), ("/version", schema.Version), ("/v2", schema.ServerMetadata)],
)
def test_what_the_service_says_of_itself_has_the_described_shape(server: Server, path: str, shape: Any) -> None:
    status, _, said = ask(server, "GET", path)
    assert status == 200
    shape.model_validate(said)


def test_a_list_with_bad_stories_is_answered_in_part_when_asked(server: Server) -> None:
    stories = [{"text": "Two killed"}, {"text": 5}, "x", {"text": "Talks"}, {}]
    status, _, said = ask(server, "POST", "/classify", {"stories": stories})
    assert status == 422
    assert [fault["pointer"] for fault in said["errors"]] == ["/stories/1/text", "/stories/2", "/stories/4/text"]
    status, _, said = ask(server, "POST", "/classify?partial=1", {"stories": stories})
    assert status == 200
    assert ["error" in one for one in said["stories"]] == [False, True, True, False, True]
    assert said["stories"][2]["error"]["errors"] == [{"pointer": "/stories/2", "detail": "must be an object, not text"}]
    assert said["stories"][3] == ask(server, "POST", "/classify", {"text": "Talks"})[2]
    schema.AnswerList.model_validate(said)


def test_a_stream_is_answered_line_by_line_in_its_order(server: Server) -> None:
    lines = [
        b'{"id": "a", "text": "Two killed"}',
        b"{broken",
        b"",
        b'{"text": "\xff"}',
        b'{"id": 4, "text": "Talks", "text": ""}',
        b'{"id": "z", "text": "Talks"}',
    ]
    status, headers, said = ask(server, "POST", "/v1/classify", b"\n".join(lines), NDJSON)
    found = [json.loads(line) for line in said.splitlines()]
    assert status == 200
    assert headers.get_content_type() == "application/x-ndjson"
    assert [one.get("line") or one["id"] for one in found] == ["a", 2, 4, 5, "z"]
    for one in found:
        (schema.Refused if "error" in one else schema.Answer).model_validate(one)
    assert found[0] == ask(server, "POST", "/classify", {"id": "a", "text": "Two killed"})[2]


def test_a_long_stream_is_answered_while_it_is_sent_and_memory_stays_flat(server: Server) -> None:
    count, line = 30_000, json.dumps({"text": "Shells fell across the border. " * 120}).encode() + b"\n"
    before = memory(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: {count * len(line)}\r\n\r\n"
        connection.sendall(head.encode())
        sender = threading.Thread(target=lambda: [connection.sendall(line * 100) for _ in range(count // 100)])
        sender.start()
        answers, seen_while_sending = 0, False
        with connection.makefile("rb") as reader:
            for found in reader:
                answers += found.startswith(b'{"id"')
                seen_while_sending |= answers > 0 and sender.is_alive()
                if answers == count:
                    break
        sender.join()
    assert seen_while_sending
    assert memory(server) - before < count * len(line) / 3


def memory(server: Server) -> int:
    """Give the bytes that the workers have in memory."""
    pids = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


BAD: list[tuple[str, bytes, int]] = [
    ("deep JSON", b'{"text": ' + b"[" * 500_000, 400),
    ("10 MB without a space", b'{"text": "' + b"x" * 10_000_000 + b'"}', 200),
    ("more than is taken", b'{"text": "' + b"x" * 12_000_000 + b'"}', 413),
    ("longer than is taken", b'{"text": "' + b"x" * 11_000_001 + b'"}', 413),
    ("bad UTF-8", b'{"text": "\xc3\x28"}', 400),
    ("key twice", b'{"text": "x", "text": "y"}', 400),
    ("NaN", b'{"text": "x", "n": NaN}', 400),
    ("NUL in the text", b'{"text": "talks\\u0000talks"}', 200),
    ("NUL in the JSON", b'{"text": "x"}\x00', 400),
    ("lone surrogate", b'{"id": "\\ud800", "text": "talks \\udc00"}', 200),
    ("a number too long to read", b'{"text": "x", "n": ' + b"1" * 5000 + b"}", 400),
]


@pytest.mark.parametrize("headers", [JSON, NDJSON])
def test_a_compressed_body_is_refused_by_name_and_never_unpacked(server: Server, headers: dict[str, str]) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    status, _, said = ask(server, "POST", "/classify", bomb, {**headers, "Content-Encoding": "gzip"})
    assert (status, said["detail"]) == (415, "Send the body as it is, without Content-Encoding: gzip.")


@pytest.mark.parametrize(("body", "status"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_bodies_get_an_answer_and_the_service_lives_on(server: Server, body: bytes, status: int) -> None:
    found, _, said = ask(server, "POST", "/classify", body)
    assert found == status, said
    assert ask(server, "GET", "/readyz")[0] == 200


def test_a_huge_head_is_refused(server: Server) -> None:
    try:
        status = ask(server, "GET", "/healthz", headers={"X-Long": "x" * 2_000_000})[0]
    except OSError:
        status = 431
    assert status == 431
    assert ask(server, "GET", "/healthz")[0] == 200


def test_a_request_id_comes_back_when_it_is_one_and_is_made_otherwise(server: Server) -> None:
    assert ask(server, "GET", "/healthz", headers={"X-Request-ID": "abc-1"})[1]["X-Request-ID"] == "abc-1"
    made = ask(server, "GET", "/healthz", headers={"X-Request-ID": "<script>"})[1]["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", made)


def test_answers_bear_strict_headers_and_no_cors(server: Server) -> None:
    headers = ask(server, "POST", "/classify", {"text": "x y"}, {**JSON, "Origin": "https://elsewhere.example"})[1]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Access-Control-Allow-Origin" not in headers
    assert "sha256-" in ask(server, "GET", "/docs")[1]["Content-Security-Policy"]


def test_figures_add_up_over_the_workers(server: Server) -> None:
    def figure(name: str) -> float:
        text = ask(server, "GET", "/metrics")[2]
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))

    before = figure("conflict_stories_total")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(server, "POST", "/classify", {"text": "Two soldiers killed"}), range(60)))
    assert figure("conflict_stories_total") == before + 60
    assert figure("conflict_model_info") == 1
    assert figure("conflict_labels_total") > 0


def test_the_open_inference_protocol_gives_the_answers_in_columns(server: Server) -> None:
    texts = ["Two soldiers killed at the border", "Talks on a truce"]
    inputs = [{"name": "text", "shape": [2], "datatype": "BYTES", "data": texts}]
    status, _, said = ask(server, "POST", "/v2/models/conflict-tagger/infer", {"id": "7", "inputs": inputs})
    assert status == 200
    schema.InferResponse.model_validate(said)
    columns = {output["name"]: output["data"] for output in said["outputs"]}
    for place, text in enumerate(texts):
        answer = ask(server, "POST", "/classify", {"text": text})[2]
        assert json.loads(columns["topics"][place]) == answer["topics"]
        assert columns["tone"][place] == answer["tone"]
        assert columns["score_casualties"][place] == answer["scores"]["topics"]["casualties"]
    assert said["id"] == "7"
    metadata = ask(server, "GET", "/v2/models/conflict-tagger")[2]
    schema.ModelMetadata.model_validate(metadata)
    assert [column["name"] for column in metadata["outputs"]] == list(columns)
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/conflict-tagger/ready"):
        assert ask(server, "GET", path)[0] == 200
    assert ask(server, "GET", "/v2/models/other")[2]["error"]


def test_faults_of_an_inference_request_are_named_by_cell(server: Server) -> None:
    inputs = [
        {"name": "title", "shape": [3], "datatype": "BYTES", "data": ["", "x", ""]},
        {"name": "text", "shape": [3], "datatype": "BYTES", "data": ["x", "y", " "]},
    ]
    said = ask(server, "POST", "/v2/models/conflict-tagger/infer", {"inputs": inputs})[2]
    assert [fault["pointer"] for fault in said["errors"]] == ["/inputs/1/data/2"]
    inputs[0]["data"] = ["", 5, ""]
    inputs[1]["shape"] = [4]
    said = ask(server, "POST", "/v2/models/conflict-tagger/infer", {"inputs": inputs})[2]
    assert [fault["pointer"] for fault in said["errors"]] == ["/inputs/0/data/1", "/inputs/1/shape"]


def test_the_client_tags_and_raises_the_librarys_errors(server: Server) -> None:
    client = Client(server.url, retries=0)
    assert client.classify(text="Two soldiers killed", evidence=2)["evidence"]
    stories = [{"id": str(number), "text": "Talks"} for number in range(300)]
    assert [answer["id"] for answer in client.classify_many(stories)] == [story["id"] for story in stories]
    with pytest.raises(StoryError) as caught:
        client.classify(text=" ")
    assert caught.value.faults == [("text", "neither title nor text holds anything")]
    with pytest.raises(ServiceError, match="not reached"):
        Client(f"http://127.0.0.1:{free_port()}", retries=0).labels()
    assert client.labels()["topics"]


def test_keys_scopes_rates_and_logs(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    classify, metrics = (new_key(file, scope) for scope in ("classify", "metrics"))
    options = ("--keys-file", str(file), "--set", "rate_limit=5/hour", "--host", "127.0.0.1")
    with Server(COMMAND, *options, cwd=ROOT) as server:
        bearer = {**JSON, "Authorization": f"Bearer {classify}"}
        body = {"text": SECRET_TEXT}
        assert ask(server, "POST", "/classify", body)[0] == 401
        assert ask(server, "POST", "/classify", body, {**JSON, "X-API-Key": classify[:-1] + "!"})[0] == 401
        assert ask(server, "POST", "/classify", body, bearer)[0] == 200
        assert ask(server, "GET", "/metrics", headers=bearer)[0] == 403
        assert ask(server, "GET", "/metrics", headers={"X-API-Key": metrics})[0] == 200
        statuses = [ask(server, "POST", "/classify", body, bearer) for _ in range(5)]
        assert [found[0] for found in statuses] == [200] * 4 + [429]
        assert int(statuses[-1][1]["Retry-After"]) > 0
        subprocess.run([*COMMAND, "keys", "revoke", "--file", str(file), classify.split("_")[1]], cwd=ROOT, check=True)
        time.sleep(1.2)
        assert ask(server, "POST", "/classify", body, bearer)[0] == 401
    lines = [json.loads(line) for line in server.log.splitlines()]
    asked = [line for line in lines if line["message"] == "request" and line["route"] == "/classify"]
    assert {"request", "caller", "status", "ms"} <= set(asked[2])
    for secret in (SECRET_TEXT, "ninth", classify, classify.split("_", 2)[2]):
        assert secret not in server.log
        assert secret not in file.read_text()


def new_key(file: Path, scope: str) -> str:
    command = [*COMMAND, "keys", "new", "--file", str(file), "--scope", scope]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_slow_callers_hold_their_places_only_and_others_are_told_to_come_again() -> None:
    with Server(COMMAND, "--set", "concurrency=2", "--set", "header_seconds=1", cwd=ROOT) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in slow:
            connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        time.sleep(0.5)
        status, headers, _ = ask(server, "POST", "/classify", {"text": "x"})
        assert status == 503
        assert headers["Retry-After"] == "1"
        assert ask(server, "GET", "/healthz")[0] == 200
        for connection in slow:
            connection.close()
        time.sleep(0.5)
        assert ask(server, "POST", "/classify", {"text": "x"})[0] == 200
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as unfinished:
            unfinished.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
            start = time.monotonic()
            unfinished.recv(100)
            assert time.monotonic() - start < 5


def test_the_model_changes_under_way_and_a_bad_one_is_refused(
    tmp_path: Path, small_model_dir: Path, rival_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(small_model_dir, models / "default")
    shutil.copytree(rival_dir, models / "rival")
    shutil.copytree(rival_dir, models / "broken")
    (models / "broken" / "card.md").write_text("changed")
    monkeypatch.setenv("CONFLICT_MODELS", str(models))
    with Server(COMMAND, "--workers", "2", "--set", "poll_seconds=0.2", cwd=ROOT) as server:
        assert server.post({"text": "Talks"})["model"] == read(small_model_dir).name
        statuses: list[int] = []
        done = threading.Event()
        caller = threading.Thread(target=lambda: call_until(server, done, statuses))
        caller.start()
        point(models, "rival")
        wait_for(lambda: {server.post({"text": "Talks"})["model"] for _ in range(10)} == {read(rival_dir).name})
        point(models, "broken")
        wait_for(lambda: 'conflict_model_loads_total{outcome="refused"} 2.0' in ask(server, "GET", "/metrics")[2])
        assert server.post({"text": "Talks"})["model"] == read(rival_dir).name
        assert ask(server, "GET", "/readyz")[0] == 200
        done.set()
        caller.join()
        text = ask(server, "GET", "/metrics")[2]
        assert f'conflict_model_info{{model="{read(rival_dir).name}"}} 1.0' in text
        assert f'conflict_model_info{{model="{read(small_model_dir).name}"}} 0.0' in text
    assert set(statuses) == {200}
    assert "was changed or cut" in server.log


def call_until(server: Server, done: threading.Event, statuses: list[int]) -> None:
    while not done.is_set():
        statuses.append(ask(server, "POST", "/classify", {"text": "Talks"})[0])


def point(models: Path, name: str) -> None:
    (models / "fresh").write_text(name + "\n")
    (models / "fresh").replace(models / "current")


def wait_for(holds: Any) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_sigterm_lets_a_request_in_flight_finish() -> None:
    body = json.dumps({"text": "Two soldiers killed"}).encode()
    with Server(COMMAND, cwd=ROOT) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        head = f"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:5])
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(0.5)
        connection.sendall(body[5:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    assert server.process.returncode == 0


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        (("--host", "0.0.0.0"), ["host: 0.0.0.0 can be reached by others"]),
        (("--port", "0", "--set", "max_stories=x", "--set", "nothing=1"), ["--port: ", "--max-stories: ", "--nothing: no such setting"]),
        (("--set", "rate_limit=often"), ["--rate-limit: "]),
    ],
)
def test_every_fault_of_the_settings_is_named_at_start(options: tuple[str, ...], faults: list[str]) -> None:
    done = subprocess.run([*COMMAND, "serve", *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    for fault in faults:
        assert fault in done.stderr


def test_settings_come_from_file_environment_and_flags_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nworkers = 2\nmax_stories = 3\ncors_origins = ["https://a.example"]\n')
    monkeypatch.setenv("CONFLICT_WORKERS", "4")
    monkeypatch.setenv("CONFLICT_MAX_STORIES", "5")
    monkeypatch.setenv("CONFLICT_TYPO", "1")
    command = [*COMMAND, "config", "--config", str(file), "--set", "max-stories=6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for line in ("port = 1 ", "workers = 4 ", "max_stories = 6 ", 'cors_origins = ["https://a.example"]'):
        assert line in done.stdout
    assert "CONFLICT_TYPO in the environment is no setting" in done.stderr
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    assert subprocess.run([*COMMAND, "config", "--config", str(again)], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_cors_is_for_the_origins_that_are_named() -> None:
    with Server(COMMAND, "--set", "cors_origins=https://a.example", "--model", str(DEFAULT), cwd=ROOT) as server:
        named = ask(server, "OPTIONS", "/classify", headers={"Origin": "https://a.example"})[1]
        assert named["Access-Control-Allow-Origin"] == "https://a.example"
        assert "Access-Control-Allow-Origin" not in ask(server, "GET", "/labels", headers={"Origin": "https://b.example"})[1]
