"""From a request to stories: one rule for single stories, lists and streams, every fault named by its place."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Request, current_app

from service.errors import StoryError
from service.http.problems import Problem, faults_json
from service.model.story import Story, kind
from service.rows import parse_json

MOST_EVIDENCE = 100
Faults = list[tuple[str, str]]


@dataclass(frozen=True)
class Refusal:
    """A story that cannot be answered: every (pointer, reason), and whether it is only too long."""

    faults: Faults
    long: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"error": {"detail": count(self.faults), "errors": faults_json(self.faults)}}


Item = Story | Refusal


@dataclass(frozen=True)
class Asked:
    """The stories of a request, in order, and whether they came as a list."""

    items: list[Item]
    as_list: bool

    @property
    def stories(self) -> list[Story]:
        return [item for item in self.items if isinstance(item, Story)]

    def refuse(self) -> None:
        """Raise Problem (422, or 413 when stories are only too long) unless all can be answered."""
        refusals = [item for item in self.items if isinstance(item, Refusal)]
        wrong = [fault for refusal in refusals if not refusal.long for fault in refusal.faults]
        if wrong:
            raise unprocessable(wrong)
        if refusals:
            raise _too_large([fault for refusal in refusals for fault in refusal.faults])


def read_evidence(request: Request) -> int:
    """Read `?evidence=K`, 0 to 100. Raises Problem (422)."""
    value = _parameter(request, "evidence")
    if not value.isascii() or not value.isdigit() or len(value) > 3 or int(value) > MOST_EVIDENCE:
        raise _bad_parameter("evidence", f"must be a whole number from 0 to {MOST_EVIDENCE}, not {value[:40]!r}")
    return int(value)


def read_partial(request: Request) -> bool:
    """Read `?partial=1` or `0`. Raises Problem (422)."""
    value = _parameter(request, "partial")
    if value not in ("0", "1"):
        raise _bad_parameter("partial", f"must be 0 or 1, not {value[:40]!r}")
    return value == "1"


def _parameter(request: Request, name: str) -> str:
    """Read a parameter that is 0 by default; most requests have none at all, and are spared the parsing."""
    return request.args.get(name, "0") if request.query_string else "0"


def read_json(request: Request) -> Any:
    """Parse the request's body. Raises Problem: 415, 413 or 400."""
    if request.mimetype != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send Content-Type: application/json, not {request.mimetype or 'none'!r}.")
    refuse_packed(request)
    try:
        return parse_json(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is {json_fault(error)}.") from error


def refuse_packed(request: Request) -> None:
    """Raise Problem (415) when a body is compressed: unpacked it could be of any size."""
    packed = request.headers.get("Content-Encoding", "identity")
    if packed.lower() != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the body as it is, without Content-Encoding: {packed[:40]}.")


def json_fault(error: Exception) -> str:
    """Say why some bytes could not be parsed."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte {error.start} cannot be decoded"
    return f"not JSON: {error}"


def read_body(request: Request) -> Asked:
    """Read the request's stories, good and bad. Raises Problem: 415, 400, 413 or 422."""
    body = read_json(request)
    if not isinstance(body, dict):
        raise unprocessable([("/", f"must be an object with title or text, or with stories, not {kind(body)}")])
    return _read_list(body) if "stories" in body else Asked([read_item("", body)], as_list=False)


def _read_list(body: dict[str, Any]) -> Asked:
    items = body["stories"]
    if not isinstance(items, list) or not items:
        raise unprocessable([("/stories", f"must be a list of at least one story, not {kind(items) if items else 'an empty one'}")])
    mixed = [(f"/{name}", "stands beside stories; put it into a story") for name in ("title", "text", "id") if name in body]
    if mixed:
        raise unprocessable(mixed)
    refuse_many(len(items), "/stories")
    return Asked([read_item(f"/stories/{index}", item) for index, item in enumerate(items)], as_list=True)


def refuse_many(number: int, pointer: str) -> None:
    """Raise Problem (413) when a list holds more stories than are taken."""
    most = current_app.config["MAX_STORIES"]
    if number > most:
        raise _too_large([(pointer, f"holds {number} stories; at most {most} are taken at once")])


def read_item(pointer: str, item: Any) -> Item:
    """Read one story, or say why it is none; `pointer` is its place in the body."""
    if not isinstance(item, dict):
        return Refusal([(pointer or "/", f"must be an object, not {kind(item)}")])
    try:
        story = Story.from_record(item)
    except StoryError as error:
        return Refusal([(f"{pointer}/{field}", reason) for field, reason in error.faults])
    return _too_long(pointer, story) or story


def _too_long(pointer: str, story: Story) -> Refusal | None:
    most = current_app.config["MAX_CHARACTERS"]
    if len(story.title) <= most and len(story.text) <= most:
        return None
    fields = (("title", story.title), ("text", story.text))
    return Refusal(
        [(f"{pointer}/{name}", f"holds {len(value)} characters; at most {most} are taken") for name, value in fields if len(value) > most],
        long=True,
    )


def _bad_parameter(name: str, reason: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The parameter {name} {reason}.", [(name, reason)])


def unprocessable(faults: Faults) -> Problem:
    """Make the problem (422) that names these places."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, count(faults), faults)


def _too_large(faults: Faults) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, count(faults), faults)


def count(faults: Faults) -> str:
    """Say in a sentence how many places are wrong."""
    return "1 field cannot be used." if len(faults) == 1 else f"{len(faults)} fields cannot be used."
