"""What stands around every answer: its id, its line in the log, its figures, and headers that keep browsers strict."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from service.http.metrics import metrics

ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
NOTHING = "default-src 'none'; frame-ancestors 'none'"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FIXED = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
METHODS = ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH")
access = logging.getLogger("service.http.access")


def init_app(app: Flask) -> None:
    """Frame every request and answer of the app."""
    figures, config = metrics(app), app.config

    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.start
        route = request.url_rule.rule if request.url_rule else "unknown"
        method = request.method if request.method in METHODS else "other"
        figures.request(route, method, response.status_code, seconds)
        _set_headers(response)
        if config["CORS_ORIGINS"]:
            _allow_origin(response, config["CORS_ORIGINS"])
        if config["LOG_REQUESTS"]:
            _log(route, method, response.status_code, seconds)
        return response

    app.before_request(_begin)
    app.after_request(end)


def _begin() -> None:
    g.start = time.perf_counter()
    asked = request.environ.get("HTTP_X_REQUEST_ID", "")
    g.id = asked if ID.fullmatch(asked) else secrets.token_hex(8)


def _log(route: str, method: str, status: int, seconds: float) -> None:
    """Write the request down: never its body, its query or a path that a caller made up."""
    if not access.isEnabledFor(logging.INFO):
        return
    figures = {"request": g.id, "caller": g.get("caller"), "stories": g.get("stories")}
    known = {name: value for name, value in figures.items() if value is not None}
    fields = {**known, "method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 2)}
    access.handle(
        access.makeRecord(access.name, logging.INFO, "", 0, "request", (), None, extra={"fields": fields})
    )  # info() walks the stack


def _set_headers(response: Response) -> None:
    headers, page = response.headers, response.mimetype == "text/html"
    theirs = {name.lower() for name, _ in headers}
    ours = {**FIXED, "Content-Security-Policy": PAGE if page else NOTHING, "Cache-Control": "no-cache" if page else "no-store"}
    for name, value in ours.items():
        if name.lower() not in theirs:
            headers.add(name, value)
    headers.add("X-Request-ID", g.id)


def _allow_origin(response: Response, origins: tuple[str, ...]) -> None:
    headers, origin = response.headers, request.headers.get("Origin")
    headers.add("Vary", "Origin")
    if origin in origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-API-Key, X-Request-ID"
            headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET, POST")
