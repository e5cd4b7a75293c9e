"""Errors as `application/problem+json` (RFC 9457), every bad field named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

Faults = Sequence[tuple[str, str]]


class Problem(Exception):
    """A request that cannot be answered: status, one sentence, and (JSON pointer or parameter, reason) pairs."""

    def __init__(self, status: HTTPStatus, detail: str, faults: Faults = (), *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.faults, self.headers = status, detail, faults, headers or {}


def init_app(app: Flask) -> None:
    """Answer every error with a problem document; a stack trace goes to the log only."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def _problem(problem: Problem) -> Response:
    response = _respond(problem.status, problem.detail, problem.faults)
    response.headers.update(problem.headers)
    return response


def try_later(status: HTTPStatus, detail: str, seconds: int) -> Problem:
    """Make a problem that says after how many seconds to ask again."""
    return Problem(status, detail, headers={"Retry-After": str(seconds)})


def _http_exception(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    response = _respond(status, _detail(status, error.description))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _detail(status: HTTPStatus, description: str | None) -> str:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return f"The body is larger than {current_app.config['MAX_CONTENT_LENGTH']} bytes."
    return description or status.description


def _unexpected(error: Exception) -> Response:
    current_app.logger.exception("unexpected error", exc_info=error)
    return _respond(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed on this request; the reason is in its log.")


def _respond(status: HTTPStatus, detail: str, faults: Faults = ()) -> Response:
    document: dict[str, object] = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    if faults:
        document["errors"] = faults_json(faults)
    if request.path.startswith("/v2"):
        document["error"] = detail
    return Response(json.dumps(document) + "\n", status.value, mimetype="application/problem+json")


def faults_json(faults: Faults) -> list[dict[str, str]]:
    """Give (place, reason) pairs as the members of `errors`."""
    return [{"pointer" if place.startswith("/") else "parameter": place, "detail": reason} for place, reason in faults]
