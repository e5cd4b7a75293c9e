"""The model in a running app: loaded and self-tested in the background, handed out when ready, replaced when the pointer moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Flask, current_app

from service.errors import ConflictError
from service.http.metrics import metrics
from service.http.problems import try_later
from service.model.artifact import MANIFEST, read
from service.model.current import current_model
from service.model.tagger import Tagger

EXTENSION = "conflict-model"
RETRY_AFTER = 2
PATIENCE = 30.0
log = logging.getLogger(__name__)


class ServedModel:
    """One app's model, the current one when no folder is given. `wait` blocks until the first loading has ended, well or not.

    Requests keep the tagger that they were given, so a switch changes nothing under them. `told` hears of every outcome: the name of the
    model taken up and None, or the one that stays (if any) and why the other was refused.
    """

    def __init__(self, folder: Path | None, told: Callable[[str | None, str | None], None] = lambda name, why: None) -> None:
        self.folder, self.told = folder, told
        self._loaded = threading.Event()
        self._tagger: Tagger | None = None
        self._failure = ""

    def load(self) -> None:
        """Load and self-test; what goes wrong is logged and told by `tagger`, and the model before stays."""
        try:
            tagger = Tagger(read(self.folder))
            tagger.self_test()
            self._tagger = tagger
            log.info("model ready: %s", tagger.model.name)
            self.told(tagger.model.name, None)
        except (ConflictError, OSError, MemoryError) as error:
            self._refuse(error)
        finally:
            self._loaded.set()

    def _refuse(self, error: Exception) -> None:
        self._failure = str(error)
        stays = self._tagger.model.name if self._tagger else None
        log.error("model not loaded: %s%s", error, f"\n{stays} stays" if stays else "")
        self.told(stays, self._failure)

    def follow(self, seconds: float) -> None:
        """Load, then for ever load again whenever the current model is another; asked every so many seconds, 0 for never."""
        seen = _current()
        self.load()
        pause = threading.Event()
        while seconds and not pause.wait(seconds):
            found = _current()
            if found != seen:
                seen = found
                self.load()

    def wait(self, seconds: float) -> bool:
        return self._loaded.wait(seconds)

    def tagger(self, patience: float = 0) -> Tagger:
        """Give the tagger, waiting up to `patience` seconds for loading to end. Raises Problem (503) while there is none."""
        if self._tagger is None:
            self.wait(patience)
        if self._tagger is not None:
            return self._tagger
        detail = "The model could not be loaded; the reason is in the service's log." if self._failure else "The model is still loading."
        raise try_later(HTTPStatus.SERVICE_UNAVAILABLE, detail, RETRY_AFTER)


def _current() -> object:
    """Tell the current model from another: its folder, and which manifest lies there."""
    try:
        folder = current_model()
        stat = (folder / MANIFEST).stat()
        return folder, stat.st_ino, stat.st_mtime_ns, stat.st_size
    except (ConflictError, OSError) as error:
        return str(error)


def init_app(app: Flask) -> None:
    """Begin loading the model that MODEL names, by default the current one, which is then followed."""
    folder = Path(app.config["MODEL"]) if app.config["MODEL"] else None
    model = ServedModel(folder, metrics(app).model)
    app.extensions[EXTENSION] = model
    seconds = 0 if folder else app.config["POLL_SECONDS"]
    threading.Thread(target=model.follow, args=(seconds,), daemon=True, name="load-model").start()


def served() -> ServedModel:
    """Give the current app's model."""
    model: ServedModel = current_app.extensions[EXTENSION]
    return model
