"""The app by itself: what it answers, and that no fault leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.http.app import create_app
from service.http.loading import EXTENSION
from service.model.story import Story
from service.model.tagger import Tagger
from service.model.tokens import term
from tests.conftest import DEFAULT

JSON = "application/json"


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    app = create_app({"MODEL": str(DEFAULT), "MAX_CHARACTERS": 10_000, "MAX_CONTENT_LENGTH": 200_000})
    assert app.extensions[EXTENSION].wait(60)
    with app.test_client() as client:
        yield client


def post(client: FlaskClient, body: Any, query: str = "") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/classify{query}", data=data, content_type=JSON)


def test_one_story_gets_the_taggers_answer(client: FlaskClient, default_tagger: Tagger) -> None:
    text = "Two soldiers were killed when troops exchanged fire across the border."
    said = post(client, {"id": "x1", "text": text}).get_json()
    [tags] = default_tagger.tag([Story(text=text)])
    assert said["id"] == "x1"
    assert said["topics"] == list(tags.topics)
    assert said["tone"] == tags.tone
    assert said["scores"]["topics"] == pytest.approx(tags.topic_scores, abs=1e-6)
    assert sum(said["scores"]["tone"].values()) == pytest.approx(1, abs=1e-5)
    assert said["model"] == default_tagger.model.name
    assert "evidence" not in said


def test_evidence_points_into_the_callers_own_fields(client: FlaskClient) -> None:
    story = {"title": "Émigrés: border CLASH 👩‍👧", "text": "“Shelling” killed two soldiers; 👩‍👧 shelling killed more at the border."}
    said = post(client, story, "?evidence=8").get_json()
    assert set(said["evidence"]) == {*said["topics"], "tone"}
    items = [item for found in said["evidence"].values() for item in found]
    assert items
    for item in items:
        for span in [item, *item.get("also", [])]:
            piece = story[span.get("field", "text")][span["start"] : span["end"]]
            assert term(piece) == term(item["text"])
        assert item["text"] == story[item.get("field", "text")][item["start"] : item["end"]]
    assert any(item.get("field") == "title" for item in items)
    for found in said["evidence"].values():
        weights = [item["weight"] for item in found]
        assert len(found) <= 8
        assert weights == sorted(weights, reverse=True)


def test_a_list_is_answered_in_its_order(client: FlaskClient) -> None:
    stories = [{"id": str(number), "text": f"Talks number {number}"} for number in range(256)]
    said = post(client, {"stories": stories}).get_json()
    assert [story["id"] for story in said["stories"]] == [story["id"] for story in stories]
    assert said["stories"][7] == post(client, stories[7]).get_json()


def test_a_story_without_a_known_word_gets_no_tags_and_says_so(client: FlaskClient) -> None:
    said = post(client, {"text": "zzqqx xxqqz"}).get_json()
    assert said["topics"] == []
    assert said["tone"] is None
    assert said["scores"] == {"topics": {}, "tone": {}}
    assert said["review"] == ["no_known_words"]
    assert said["coverage"] == 0


FAULTS: list[tuple[str, Any, int, list[str]]] = [
    ("broken JSON", b'{"text": ', 400, []),
    ("bad UTF-8", b'{"text": "\xff"}', 400, []),
    ("NaN", b'{"text": "x", "n": NaN}', 400, []),
    ("key twice", b'{"text": "x", "text": "y"}', 400, []),
    ("too deep", b"[" * 90_000, 400, []),
    ("empty body", b"", 400, []),
    ("a list", [], 422, ["/"]),
    ("nothing", {}, 422, ["/text"]),
    ("blank", {"title": " ", "text": "\n"}, 422, ["/text"]),
    ("all wrong", {"id": [], "title": 1, "text": None}, 422, ["/title", "/id"]),
    ("stories no list", {"stories": {"text": "x"}}, 422, ["/stories"]),
    ("no stories", {"stories": []}, 422, ["/stories"]),
    ("stories and text", {"stories": [{"text": "x"}], "text": "y"}, 422, ["/text"]),
    ("bad ones in a list", {"stories": [{"text": "x"}, 3, {"text": []}, {}]}, 422, ["/stories/1", "/stories/2/text", "/stories/3/text"]),
    ("too many", {"stories": [{"text": "x"}] * 257}, 413, ["/stories"]),
    ("too long", {"stories": [{"text": "x"}, {"title": "y" * 10_001}]}, 413, ["/stories/1/title"]),
    ("too large", b"[" + b" " * 200_000, 413, []),
]


@pytest.mark.parametrize(("body", "status", "pointers"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_request_that_cannot_be_answered_gets_a_problem_that_names_every_place(
    client: FlaskClient, body: Any, status: int, pointers: list[str]
) -> None:
    response = post(client, body)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == status
    assert [error["pointer"] for error in problem.get("errors", [])] == pointers
    assert "Traceback" not in response.text


@pytest.mark.parametrize("value", ["-1", "101", "x", "1.5", "", "²", "00000"])
def test_a_bad_evidence_parameter_is_named(client: FlaskClient, value: str) -> None:
    problem = post(client, {"text": "x"}, f"?evidence={value}").get_json()
    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"] == "evidence"


def test_other_content_types_methods_and_paths_get_problems_too(client: FlaskClient) -> None:
    for response, status in [
        (client.post("/classify", data="{}", content_type="text/plain"), 415),
        (client.get("/classify"), 405),
        (client.get("/nothing/here"), 404),
    ]:
        assert response.status_code == status
        assert response.mimetype == "application/problem+json"
    assert "POST" in client.get("/classify").headers["Allow"]


def test_an_unexpected_failure_is_logged_and_leaks_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("service.http.routes.answer", fail)
    response = post(client, {"text": "x"})
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


def test_the_model_is_shown_with_manifest_and_figures(client: FlaskClient, default_tagger: Tagger) -> None:
    said = client.get("/model").get_json()
    assert said["manifest"]["name"] == default_tagger.model.name
    assert set(said["metrics"]["cross_validation"]["labels"]) == set(default_tagger.model.labels.columns)


def test_a_service_whose_model_is_broken_lives_but_is_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app({"MODEL": str(tmp_path)})
    app.extensions[EXTENSION].wait(10)
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    for response in (client.get("/readyz"), post(client, {"text": "x"})):
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert str(tmp_path) not in response.text
    assert "not a model folder" in caplog.text
