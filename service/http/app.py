"""The app factory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask

from service.http import loading, problems
from service.http.pages import pages
from service.http.routes import routes

ENVIRONMENT = "CONFLICT"
DEFAULTS = {
    "MODEL": "",
    "MAX_CONTENT_LENGTH": 32 * 1024 * 1024,
    "MAX_STORIES": 256,
    "MAX_CHARACTERS": 1_000_000,
}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the WSGI app. Settings: defaults, then `CONFLICT_…` environment variables, then `config`.

    MODEL: model folder, empty for the current one. MAX_CONTENT_LENGTH: bytes a body may have. MAX_STORIES: stories a list may have.
    MAX_CHARACTERS: code points a title or a text may have.
    """
    app = Flask("service.http", static_folder=None)
    app.config.from_mapping(DEFAULTS)
    app.config.from_mapping(_environment())
    app.config.from_mapping(config or {})
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the provider by its base class
    problems.init_app(app)
    loading.init_app(app)
    app.register_blueprint(routes)
    app.register_blueprint(pages)
    return app


def _environment() -> dict[str, Any]:
    found = {name: os.environ[f"{ENVIRONMENT}_{name}"] for name in DEFAULTS if f"{ENVIRONMENT}_{name}" in os.environ}
    return {name: value if isinstance(DEFAULTS[name], str) else int(value) for name, value in found.items()}
