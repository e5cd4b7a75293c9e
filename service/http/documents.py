"""What the service says of itself: `/openapi.json`, and `/docs`, the same for people, which needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app

from service.http.openapi import document

HTML = Path(__file__).parent / "docs.html"
STYLE = Path(__file__).parent / "docs.css"
documents = Blueprint("documents", __name__)


def init_app(app: Flask) -> None:
    """Serve the documents, which state the limits that the app has."""
    app.register_blueprint(documents)


@documents.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """Show the OpenAPI document."""
    return document(current_app.config)


@documents.get("/docs")
def docs() -> Response:
    """Show the OpenAPI document as a page."""
    style = STYLE.read_text("utf-8")
    whole = document(current_app.config)
    page = current_app.jinja_env.from_string(HTML.read_text("utf-8")).render(document=whole, style=style, words=_words)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def _words(schema: Any) -> str:
    """Say in a few words what a schema admits."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(_words(one) for one in several)
    if schema.get("type") == "array":
        return f"list of {_words(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_words(schema['additionalProperties'])}"
    return str(schema["const"] if "const" in schema else schema.get("type", "anything"))
