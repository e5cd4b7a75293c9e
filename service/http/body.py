"""From a request to stories: one rule for single stories and lists, every fault named by its place."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Request, current_app

from service.errors import StoryError
from service.http.problems import Problem
from service.model.story import Story, kind
from service.rows import parse_json

MOST_EVIDENCE = 100


@dataclass(frozen=True)
class Asked:
    """The stories of a request, and whether they came as a list."""

    stories: list[Story]
    as_list: bool


def read_evidence(request: Request) -> int:
    """Read `?evidence=K`, 0 to 100. Raises Problem (422)."""
    value = request.args.get("evidence", "0")
    if not value.isascii() or not value.isdigit() or len(value) > 3 or int(value) > MOST_EVIDENCE:
        reason = f"must be a whole number from 0 to {MOST_EVIDENCE}, not {value[:40]!r}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The parameter evidence {reason}.", [("evidence", reason)])
    return int(value)


def read_body(request: Request) -> Asked:
    """Read the request's stories. Raises Problem: 415, 400, 413 or 422."""
    if request.mimetype != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send Content-Type: application/json, not {request.mimetype or 'none'!r}.")
    try:
        body = parse_json(request.get_data())
    except UnicodeDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not UTF-8: byte {error.start} cannot be decoded.") from error
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise _unprocessable([("/", f"must be an object with title or text, or with stories, not {kind(body)}")])
    return _read_list(body) if "stories" in body else Asked(_read_stories([("", body)]), as_list=False)


def _read_list(body: dict[str, Any]) -> Asked:
    items = body["stories"]
    if not isinstance(items, list) or not items:
        raise _unprocessable([("/stories", f"must be a list of at least one story, not {kind(items) if items else 'an empty one'}")])
    mixed = [(f"/{name}", "stands beside stories; put it into a story") for name in ("title", "text", "id") if name in body]
    if mixed:
        raise _unprocessable(mixed)
    most = current_app.config["MAX_STORIES"]
    if len(items) > most:
        raise _too_large([("/stories", f"holds {len(items)} stories; at most {most} are taken at once")])
    return Asked(_read_stories([(f"/stories/{index}", item) for index, item in enumerate(items)]), as_list=True)


def _read_stories(items: list[tuple[str, Any]]) -> list[Story]:
    stories: list[Story] = []
    faults: list[tuple[str, str]] = []
    for pointer, item in items:
        if not isinstance(item, dict):
            faults.append((pointer, f"must be an object, not {kind(item)}"))
            continue
        try:
            stories.append(Story.from_record(item))
        except StoryError as error:
            faults += [(f"{pointer}/{field}", reason) for field, reason in error.faults]
    if faults:
        raise _unprocessable(faults)
    _refuse_long(stories, [pointer for pointer, _ in items])
    return stories


def _refuse_long(stories: list[Story], pointers: list[str]) -> None:
    most = current_app.config["MAX_CHARACTERS"]
    faults = [
        (f"{pointer}/{field}", f"holds {len(value)} characters; at most {most} are taken")
        for pointer, story in zip(pointers, stories, strict=True)
        for field, value in (("title", story.title), ("text", story.text))
        if len(value) > most
    ]
    if faults:
        raise _too_large(faults)


def _unprocessable(faults: list[tuple[str, str]]) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, _count(faults), faults)


def _too_large(faults: list[tuple[str, str]]) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _count(faults), faults)


def _count(faults: list[tuple[str, str]]) -> str:
    return "1 field cannot be used." if len(faults) == 1 else f"{len(faults)} fields cannot be used."
