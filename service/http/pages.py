"""The pages for people: a story with the words that led to its tags, and the model's card. They work without JavaScript."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, NotFound

from service.answers import answer
from service.errors import StoryError
from service.http.limits import COOKIE, given_token, limits, slot
from service.http.loading import PATIENCE, served
from service.http.markdown import render
from service.http.problems import Problem
from service.http.shown import Shown, percent, readable, show
from service.model.artifact import CARD
from service.model.story import Story

TERMS = 20
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
pages.add_app_template_filter(readable)
pages.add_app_template_filter(percent)


@dataclass(frozen=True)
class Entry:
    """What stands in the form: a story, and perhaps a second one beside it."""

    stories: tuple[Story, Story] = (Story(), Story())
    second: bool = False

    @property
    def asked(self) -> tuple[Story, ...]:
        return self.stories if self.second else self.stories[:1]


@pages.get("/")
def home() -> str:
    """Show the form: empty, or with the sample that `?sample=` names, and another one beside it with `?beside=`."""
    entry = _sample_entry()
    return _page(entry, _tag(entry) if entry.asked[0].joined else ())


@pages.post("/")
def tag() -> str | tuple[str, int]:
    """Tag the stories of the form."""
    entry = _read_form()
    faults = [fault for number, story in enumerate(entry.asked, 1) for fault in _faults(story, number)]
    return (_page(entry, faults=faults), HTTPStatus.UNPROCESSABLE_ENTITY) if faults else _page(entry, _tag(entry))


@pages.post("/key")
def key() -> Response:
    """Take up the API key of the form for this browser's session, or forget the one before when it is empty."""
    given = request.form.get("key", "").strip()
    if given and limits().known(given) is None:
        return _failed(HTTPStatus.UNAUTHORIZED, "The API key is not known, or was revoked.")
    response = make_response(redirect(url_for("pages.home"), HTTPStatus.SEE_OTHER))
    if given:
        response.set_cookie(COOKIE, given, httponly=True, samesite="Strict", secure=request.is_secure)
    else:
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


@pages.get("/card")
def card() -> str:
    """Show the model's card."""
    model = served().tagger(PATIENCE).model
    path = model.folder / CARD if model.folder else None
    if path is None or not path.is_file():
        raise NotFound("This model has no card.")
    return render_template("card.html", card=render(path.read_text("utf-8")))


@pages.errorhandler(Problem)
def problem(error: Problem) -> Response:
    """Say on the page why there is no answer."""
    unknown = error.status == HTTPStatus.UNAUTHORIZED and not given_token()
    response = _failed(error.status, "Give an API key first, at the top of this page." if unknown else error.detail)
    response.headers.update(error.headers)
    return response


@pages.errorhandler(HTTPException)
def http_exception(error: HTTPException) -> Response:
    """Say on the page what was wrong with the request."""
    status = HTTPStatus(error.code or 500)
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return _failed(status, "That is too long for the page; send it to /classify." if too_large else error.description or status.description)


@pages.after_request
def add_headers(response: Response) -> Response:
    """Let the page load and send nothing beyond this service."""
    response.headers.update(HEADERS)
    return response


def _failed(status: HTTPStatus, detail: str) -> Response:
    return make_response(_page(Entry(), faults=[detail]), status)


def _page(entry: Entry, shown: tuple[Shown, ...] = (), faults: list[str] | None = None) -> str:
    most, gate = current_app.config["MAX_STORIES"], limits()
    keys = {"asked": gate.keys is not None, "key": gate.known(given_token())}
    return render_template("home.html", entry=entry, shown=shown, faults=faults or (), samples=samples(), most=most, **keys)


def _tag(entry: Entry) -> tuple[Shown, ...]:
    tagger = served().tagger(PATIENCE)
    with slot():
        answers = answer(tagger, entry.asked, TERMS)
    return tuple(show(tagger.model, story, said) for story, said in zip(entry.asked, answers, strict=True))


def _read_form() -> Entry:
    first, second = (Story(title=_field(f"title{number}"), text=_field(f"text{number}")) for number in (1, 2))
    return Entry((first, second), "second" in request.form)


def _field(name: str) -> str:
    """Read a field of the form. Browsers send line ends as two characters, and show them as one."""
    return request.form.get(name, "").replace("\r\n", "\n")


def _faults(story: Story, number: int) -> list[str]:
    most = current_app.config["MAX_CHARACTERS"]
    try:
        Story.from_record({"title": story.title, "text": story.text})
    except StoryError as error:
        return [f"Story {number}: {reason}." for _, reason in error.faults]
    fields = {"title": story.title, "text": story.text}
    return [f"Story {number}: the {name} holds more than {most} characters." for name, value in fields.items() if len(value) > most]


def _sample_entry() -> Entry:
    known = {sample["name"]: Story(title=sample["title"], text=sample["text"]) for sample in samples()}
    first, second = known.get(request.args.get("sample", "")), known.get(request.args.get("beside", ""))
    if first is None:
        return Entry()
    return Entry((first, second or Story()), second is not None)


@cache
def samples() -> tuple[dict[str, Any], ...]:
    """Read the sample stories that come with the page."""
    return tuple(json.loads(files("service.http").joinpath("samples.json").read_bytes()))
