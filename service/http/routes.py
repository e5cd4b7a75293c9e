"""The routes: classify, health, model, labels, version."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from http import HTTPStatus
from importlib.metadata import version as installed
from typing import Any

from flask import Blueprint, Response, current_app, g, request

from service.answers import answer
from service.http import stream
from service.http.body import Asked, Item, Refusal, read_body, read_evidence, read_partial
from service.http.limits import slot
from service.http.loading import PATIENCE, served
from service.http.metrics import metrics
from service.http.problems import try_later
from service.model.story import Story
from service.model.tagger import Tagger

routes = Blueprint("routes", __name__)
Reply = dict[str, Any]
CHUNK = 64
API = "v1"


@routes.post("/classify")
def classify() -> Reply | Response:
    """Tag one story, a list of stories in its order, or a stream of them."""
    terms, partial = read_evidence(request), read_partial(request)
    with ExitStack() as place:
        place.enter_context(slot())
        if stream.wanted(request):
            return stream.stream(request, terms, place.pop_all())
        asked = read_body(request)
        if not (partial and asked.as_list):
            asked.refuse()
        return _reply(asked, terms)


@routes.post("/v1/classify", endpoint="classify_v1")
def classify_v1() -> Reply | Response:
    """Tag stories, by the name of the interface's version."""
    return classify()


def _reply(asked: Asked, terms: int) -> Reply:
    tagger = served().tagger(PATIENCE)
    g.stories = len(asked.items)
    answers = tag_in_time(tagger, asked.stories, terms)
    if not asked.as_list:
        return answers[0]
    said = iter(answers)
    return {"stories": [_said(item, said) for item in asked.items], "model": tagger.model.name}


def _said(item: Item, said: Any) -> Reply:
    return item.to_json() if isinstance(item, Refusal) else next(said)


def tag_in_time(tagger: Tagger, stories: Sequence[Story], terms: int = 0) -> list[Reply]:
    """Tag a list and count it. Raises Problem (503) when it takes longer than MAX_SECONDS, looked at every few stories."""
    answers: list[Reply] = []
    seconds = current_app.config["MAX_SECONDS"]
    deadline = time.monotonic() + seconds
    for start in range(0, len(stories), CHUNK):
        if start and time.monotonic() > deadline:
            detail = f"{start} of {len(stories)} stories took longer than {seconds:g} seconds; send fewer at once."
            raise try_later(HTTPStatus.SERVICE_UNAVAILABLE, detail, 1)
        answers += answer(tagger, stories[start : start + CHUNK], terms)
    metrics().answers(answers)
    return answers


@routes.get("/healthz")
def healthz() -> Reply:
    """Say that the process answers."""
    return {"status": "ok"}


@routes.get("/readyz")
def readyz() -> Reply:
    """Say that the model has loaded and passed its self-test; 503 until then."""
    return {"status": "ready", "model": served().tagger().model.name}


@routes.get("/model")
def model() -> Reply:
    """Show the model's manifest and the figures measured when it was made."""
    current = served().tagger(PATIENCE).model
    return {"manifest": dict(current.manifest), "metrics": current.metrics()}


@routes.get("/labels")
def labels() -> Reply:
    """Show the labels with their definitions and thresholds."""
    current = served().tagger(PATIENCE).model
    scheme = current.labels
    return {
        "topics": dict(scheme.topics),
        "tone": dict(scheme.tones),
        "thresholds": dict(current.thresholds),
        "model": current.name,
    }


@routes.get("/version")
def version() -> Reply:
    """Show the versions of the package and of the interface."""
    return {"version": installed("conflict-tagger"), "api": API}
