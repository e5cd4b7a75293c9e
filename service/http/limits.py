"""Who may ask, how often, and how much at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from flask import Flask, current_app, g, request
from limits import parse_many

from service.http.keys import Key, KeyFile
from service.http.problems import Problem, try_later
from service.http.rates import Rates

EXTENSION = "conflict-limits"
BUSY_FOR = 1
COOKIE = "conflict-key"
SCOPES = {
    **dict.fromkeys(("routes.classify", "routes.classify_v1", "inference.infer", "pages.tag"), "classify"),
    **dict.fromkeys(("routes.labels", "routes.model", "inference.server", "inference.metadata", "pages.card"), "read"),
    "metrics": "metrics",
}


class Limits:
    """One worker's gate: API keys, rates, and the number of requests under way."""

    def __init__(self, concurrency: int, keys: KeyFile | None, rates: Rates | None) -> None:
        self.slots = threading.BoundedSemaphore(concurrency)
        self.keys, self.rates = keys, rates

    def admit(self) -> None:
        """Check the caller's key and rate. Raises Problem: 401, 403 or 429."""
        scope = SCOPES.get(request.endpoint or "")
        if scope is None or request.method == "OPTIONS":
            return
        caller = self._key(scope) if self.keys else f"address:{request.remote_addr}"
        g.caller = caller
        if self.rates and scope != "metrics":
            self.rates.count(caller)

    def known(self, token: str) -> Key | None:
        """Give the key that a token is; None when it is none, or no keys are asked for."""
        return self.keys.find(token) if self.keys and token else None

    def _key(self, scope: str) -> str:
        token = given_token()
        key = self.known(token)
        if key is None:
            detail = "The API key is not known, or was revoked." if token else "Send an API key: Authorization: Bearer KEY."
            raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
        if scope not in key.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, f"The API key {key.id} has not the scope {scope!r}.")
        return f"key:{key.id}"


def given_token() -> str:
    """Read the API key that a request bears: in a header, or in the cookie that the page keeps it in."""
    header = request.headers.get("Authorization", "")
    bearer = header[7:].strip() if header[:7].lower() == "bearer " else ""
    return request.headers.get("X-API-Key") or bearer or request.cookies.get(COOKIE, "")


@contextmanager
def slot() -> Iterator[None]:
    """Take one of the worker's places for as long as the work lasts. Raises Problem (503) when all are taken."""
    slots = limits().slots
    if not slots.acquire(blocking=False):
        raise try_later(HTTPStatus.SERVICE_UNAVAILABLE, "All places are taken.", BUSY_FOR)
    try:
        yield
    finally:
        slots.release()


def limits() -> Limits:
    """Give the current app's gate."""
    found: Limits = current_app.extensions[EXTENSION]
    return found


def init_app(app: Flask) -> None:
    """Put the gate before every request."""
    config = app.config
    keys = KeyFile(Path(config["KEYS_FILE"])) if config["KEYS_FILE"] else None
    rates = Rates(parse_many(config["RATE_LIMIT"]), config["RATE_STORAGE"]) if config["RATE_LIMIT"] else None
    app.extensions[EXTENSION] = gate = Limits(config["CONCURRENCY"], keys, rates)
    if keys or rates:
        app.before_request(gate.admit)
