"""The model in a running app: loaded and self-tested in the background, handed out when ready."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus
from pathlib import Path

from flask import Flask, current_app

from service.errors import ConflictError
from service.http.problems import Problem
from service.model.artifact import read
from service.model.tagger import Tagger

EXTENSION = "conflict-model"
RETRY_AFTER = 2
PATIENCE = 30.0
log = logging.getLogger(__name__)


class ServedModel:
    """One app's model, the current one when no folder is given. `wait` blocks until loading has ended, well or not."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._loaded = threading.Event()
        self._tagger: Tagger | None = None
        self._failure = ""

    def load(self) -> None:
        """Load and self-test; what goes wrong is logged and told by `tagger`."""
        try:
            tagger = Tagger(read(self.folder))
            tagger.self_test()
            self._tagger = tagger
        except ConflictError as error:
            self._failure = str(error)
            log.error("model not loaded: %s", error)
        finally:
            self._loaded.set()

    def wait(self, seconds: float) -> bool:
        return self._loaded.wait(seconds)

    def tagger(self, patience: float = 0) -> Tagger:
        """Give the tagger, waiting up to `patience` seconds for loading to end. Raises Problem (503) while there is none."""
        self.wait(patience)
        if self._tagger is not None:
            return self._tagger
        detail = "The model could not be loaded; the reason is in the service's log." if self._failure else "The model is still loading."
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry_after=RETRY_AFTER)


def init_app(app: Flask) -> None:
    """Begin loading the model that MODEL names, by default the current one."""
    model = ServedModel(Path(app.config["MODEL"]) if app.config["MODEL"] else None)
    app.extensions[EXTENSION] = model
    threading.Thread(target=model.load, daemon=True, name="load-model").start()


def served() -> ServedModel:
    """Give the current app's model."""
    model: ServedModel = current_app.extensions[EXTENSION]
    return model
