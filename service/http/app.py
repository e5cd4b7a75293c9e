"""The app factory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from service.http import documents, frames, limits, loading, metrics, problems
from service.http.inference import inference
from service.http.pages import pages
from service.http.routes import routes
from service.http.settings import IN_FORCE, Settings, gather


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the WSGI app. Settings: defaults, then `CONFLICT_…` environment variables, then `config`, by their names in capitals.

    `service.http.settings.Settings` says what there is; anything else in `config` goes to Flask. Raises SettingsError.
    """
    given = {name.lower(): value for name, value in (config or {}).items()}
    ours = {name: value for name, value in given.items() if name in Settings.model_fields}
    app = build(gather(None, os.environ, ours))
    app.config.from_mapping({name: value for name, value in (config or {}).items() if name.lower() not in ours})
    return app


def create_served_app() -> Flask:
    """Make the app in a worker of `conflict-service serve`, which has put the settings together and checked them."""
    return build(Settings.model_validate_json(os.environ[IN_FORCE]))


def build(settings: Settings) -> Flask:
    """Make the app with these settings, which Flask's config then holds by their names in capitals."""
    app = Flask("service.http", static_folder=None)
    app.config.from_mapping({name.upper(): value for name, value in settings})
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the provider by its base class
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]  # Flask's own way
    for part in (problems, metrics, frames, limits, loading, documents):
        part.init_app(app)
    app.add_url_rule("/metrics", "metrics", metrics.show)
    app.register_blueprint(routes)
    app.register_blueprint(inference)
    app.register_blueprint(pages)
    return app
