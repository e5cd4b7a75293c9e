"""NDJSON in, NDJSON out: answered while it arrives, so that memory does not follow the length of the list."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

from flask import Request, Response, current_app, stream_with_context

from service.answers import answer
from service.http.body import Item, Refusal, json_fault, read_item, refuse_packed
from service.http.loading import PATIENCE, served
from service.http.metrics import metrics
from service.model.story import Story
from service.model.tagger import Tagger
from service.rows import parse_json

MIMETYPE = "application/x-ndjson"
PIECE = 32 * 1024
Numbered = list[tuple[int, bytes]]


class Ended(Exception):
    """A stream that cannot be read on: the line it ended at, and why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


@dataclass(frozen=True)
class Answering:
    """How one stream's stories are answered: by one model from beginning to end."""

    tagger: Tagger
    terms: int

    def lines(self, chunk: Numbered) -> str:
        """Answer some lines, in their order."""
        items = [(number, _read_line(line)) for number, line in chunk]
        stories = [item for _, item in items if isinstance(item, Story)]
        answers = answer(self.tagger, stories, self.terms)
        metrics().answers(answers, len(items) - len(stories))
        said = iter(answers)
        return "".join(_line(next(said) if isinstance(item, Story) else _refused(number, item)) for number, item in items)


def stream(request: Request, terms: int, place: ExitStack) -> Response:
    """Answer a stream of stories; `place` is given back when the last one is answered."""
    refuse_packed(request)
    answering = Answering(served().tagger(PATIENCE), terms)
    request.max_content_length = sys.maxsize  # None would mean the limit of other bodies; streams are limited line by line
    response = Response(stream_with_context(_answers(request.stream, answering)), mimetype=MIMETYPE)
    response.call_on_close(place.close)
    return response


def _answers(body: IO[bytes], answering: Answering) -> Iterator[str]:
    try:
        for chunk in _chunks(body.read):
            yield answering.lines(chunk)
    except Ended as end:
        yield _line(_refused(end.line, Refusal([("/", end.reason)])))
    except Exception:
        current_app.logger.exception("unexpected error in a stream")
        yield _line({"error": {"detail": "The service failed on this stream; the reason is in its log.", "errors": []}})


def _chunks(read: Callable[[int], bytes]) -> Iterator[Numbered]:
    """Give whole lines as they come, numbered from 1, blank ones left out. Raises Ended at a line or a stream that is too long."""
    most, longest = current_app.config["MAX_STREAM_STORIES"], current_app.config["MAX_CONTENT_LENGTH"]
    number, rest = 0, bytearray()
    while piece := read(PIECE):
        rest += piece
        *whole, last = rest.split(b"\n") if b"\n" in piece else [rest]
        rest = bytearray(last)
        chunk = [(number + place, bytes(line)) for place, line in enumerate(whole, 1)]
        number += len(whole)
        yield [(place, line) for place, line in chunk if line.strip() and place <= most]
        if number > most:
            raise Ended(most + 1, f"a stream may hold {most} stories; send the rest in another")
        if len(rest) > longest:
            raise Ended(number + 1, f"a line may hold {longest} bytes; the stream was not read on")
    if rest.strip():
        yield [(number + 1, bytes(rest))]


def _read_line(line: bytes) -> Item:
    try:
        return read_item("", parse_json(line))
    except (ValueError, RecursionError) as error:
        return Refusal([("/", json_fault(error))])


def _refused(number: int, item: Refusal) -> dict[str, Any]:
    return {**item.to_json(), "line": number}


def _line(said: dict[str, Any]) -> str:
    return json.dumps(said, separators=(",", ":")) + "\n"


def wanted(request: Request) -> bool:
    """Say whether a request is a stream."""
    return request.mimetype == MIMETYPE
