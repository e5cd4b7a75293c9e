"""Use trained models: as a library (`service.load`), over HTTP, and on files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from service.model.tagger import Tagger


def load(model: str | Path | None = None) -> Tagger:
    """Load a model folder, by default the current one, ready to tag stories.

    Raises `service.errors.ArtifactError` when the folder is not a whole, unchanged model, or the current one cannot be found.

    >>> import service
    >>> tagger = service.load()
    >>> [tags] = tagger.tag([service.story(text="Shells fell across the border, killing two soldiers.")])
    """
    from service.model.artifact import read
    from service.model.tagger import Tagger

    return Tagger(read(model))


def story(*, title: str = "", text: str = "", id: str | None = None) -> object:
    """Make one story for `Tagger.tag`."""
    from service.model.story import Story

    return Story(id=id, title=title, text=text)
