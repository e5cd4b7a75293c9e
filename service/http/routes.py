"""The routes: classify, health, model."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from service.answers import answer
from service.http.body import read_body, read_evidence
from service.http.loading import PATIENCE, served

routes = Blueprint("routes", __name__)
Reply = dict[str, Any]


@routes.post("/classify")
def classify() -> Reply:
    """Tag one story, or a list of stories in its order."""
    asked, terms = read_body(request), read_evidence(request)
    tagger = served().tagger(PATIENCE)
    answers = answer(tagger, asked.stories, terms)
    return {"stories": answers, "model": tagger.model.name} if asked.as_list else answers[0]


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
    current = served().tagger().model
    return {"manifest": dict(current.manifest), "metrics": current.metrics()}
