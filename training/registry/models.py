"""The models of a models folder: what is there, which one is current, and how another becomes it.

The pointer is the truth. It is replaced by a rename, after the history's line is on disk; so at whatever moment a command is killed, the
pointer names the model from before or the one from after, and no promotion is without its line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.errors import ConflictError, ModelError
from service.model.artifact import MANIFEST, Model, read
from service.model.current import ENVIRONMENT, POINTER, current_name, folder_of, is_plain, models_folder
from service.model.tagger import Tagger
from training.corpus.stories import read_corpus
from training.evaluation.compare import Paired, pair, refuse_other_labels
from training.evaluation.compared import table
from training.registry.history import PROMOTE, ROLLBACK, Move, Place, append, held, now, read_history, standing, sync_folder

PART = f".{POINTER}.part"


@dataclass(frozen=True)
class Listed:
    """A model as a list shows it; `fault` says why it cannot be used, and the other fields are then empty."""

    folder: str
    current: bool
    model: str = ""
    stories: int = 0
    data: str = ""
    figures: Mapping[str, float] | None = None
    fault: str = ""


def models_in(given: Path | None) -> Path:
    """Find the models folder to work on: the given one, else the one that the service uses. Raises ModelError without any."""
    folder = given or models_folder()
    if folder is None or not folder.is_dir():
        missing = f"{folder} is no folder" if folder else "no models folder is known"
        raise ModelError(f"{missing}; name the folder that holds your models, or set {ENVIRONMENT}")
    return folder


def listed(models: Path) -> list[Listed]:
    """List every model of a folder by name, and what the pointer names even if it is not there. Reads and checks each one."""
    current = current_name(models)
    names = {path.name for path in models.iterdir() if is_plain(path.name) and (path / MANIFEST).is_file()}
    return [_listed(models, name, name == current) for name in sorted(names | {current})]


def _listed(models: Path, name: str, current: bool) -> Listed:
    try:
        model = read(folder_of(models, name))
    except ConflictError as error:
        return Listed(name, current, fault=str(error))
    corpus, metrics = model.manifest["corpus"], model.metrics()
    figures = metrics.get("test") or metrics.get("cross_validation") or {}
    macro = {head: figures[head] for head in ("topics_macro_f1", "tone_macro_f1") if head in figures}
    return Listed(name, current, model.name, corpus["stories"], corpus["fingerprint"], macro)


@dataclass(frozen=True)
class Promotion:
    """A checked candidate, ready to become current: the move, and the comparison that it rests on, if there was one."""

    models: Path
    move: Move
    paired: Paired | None


def check_promotion(models: Path, model: Path, on: Sequence[Path], why: str | None) -> Promotion | None:
    """Judge whether a model may become the current one; None when it is so already.

    Without `why` (the reason to force it) it has to have the current model's labels and be significantly worse on none of them, on the
    labelled files `on`. Raises ModelError, ArtifactError or CorpusError.
    """
    name = name_in(models, model)
    candidate = _usable(models, name)
    current = current_name(models)
    if name == current:
        return None
    if not on and why is None:
        raise ModelError("say what to compare the two models on with --on FILE, or promote without comparing with --force WHY")
    before = _before(models, current, why)
    if before and why is None:
        refuse_other_labels(before.labels, candidate.labels)
    paired = _paired(before, candidate, on, why)
    if paired and paired.worse and why is None:
        raise ModelError(
            f"{table(paired)}\n\nnot promoted: {model} is significantly worse than {current} on {', '.join(paired.worse)}; "
            "promote it all the same with --force WHY"
        )
    places = Place(current, before.name if before else None), Place(name, candidate.name)
    return Promotion(models, Move(now(), PROMOTE, *places, paired.to_json() if paired else None, why), paired)


def promote(promotion: Promotion) -> Move:
    """Make the candidate current. Raises ModelError when another model became current since it was checked."""
    models, move = promotion.models, promotion.move
    with _changing(models) as history:
        current = current_name(models)
        if current != move.origin.folder:
            raise ModelError(f"{current} became current while {move.origin.folder} was being compared with; try again")
        _move(models, history, move)
    return move


def rollback(models: Path) -> Move:
    """Make current again what was so before the last promotion that stands. Raises ModelError when that is not to be had."""
    if not read_history(models, current_name(models))[0]:
        raise ModelError(f"{models}: nothing to roll back: no model was promoted here")
    with _changing(models) as history:
        current = current_name(models)
        moves = standing(read_history(models, current)[0])
        if not moves:
            raise ModelError(f"{models}: nothing to roll back: every promotion has been rolled back already")
        target = moves[-1].origin
        found = _usable(models, target.folder)
        if target.model not in (None, found.name):
            raise ModelError(
                f"{models / target.folder} holds the model {found.name} by now; {target.model} was current before. "
                f"Put that back, or use `conflict-training promote {models / target.folder} --force WHY`"
            )
        move = Move(now(), ROLLBACK, Place(current, _name_of(models, current)), Place(target.folder, found.name))
        _move(models, history, move)
    return move


def name_in(models: Path, model: Path) -> str:
    """Give a model's name in a models folder. Raises ModelError when it does not lie there."""
    path = Path(os.path.abspath(model))
    if not path.is_dir():
        raise ModelError(f"{model}: is no folder; give the folder of a model, such as {models / 'NAME'}")
    if path.parent.resolve() != models.resolve():
        raise ModelError(f"{model}: does not lie in the models folder {models}; move it there, or name its folder with --models DIR")
    if not is_plain(path.name):
        raise ModelError(f"{model}: {path.name!r} cannot stand in the pointer; give the folder a name without a leading dot or blanks")
    return path.name


def _usable(models: Path, name: str) -> Model:
    """Read a model whole and let it test itself. Raises ArtifactError."""
    model = read(folder_of(models, name))
    Tagger(model).self_test()
    return model


def _before(models: Path, current: str, why: str | None) -> Model | None:
    try:
        return read(folder_of(models, current))
    except ConflictError as error:
        if why is None:
            raise ModelError(f"the current model cannot be compared with: {error}; or use --force WHY") from error
        return None


def _paired(before: Model | None, candidate: Model, on: Sequence[Path], why: str | None) -> Paired | None:
    if not on or before is None:
        return None
    try:
        return pair(before, candidate, read_corpus(on, before.labels, heads_may_lack=True))
    except ModelError:
        if why is None:
            raise
        return None


def _name_of(models: Path, name: str) -> str | None:
    try:
        return read(folder_of(models, name)).name
    except ConflictError:
        return None


@contextmanager
def _changing(models: Path) -> Iterator[int]:
    """Hold the history, and turn what the system refuses into a ModelError."""
    try:
        with held(models) as history:
            yield history
    except OSError as error:
        raise ModelError(f"{error.filename or models}: cannot be changed: {error.strerror}") from error


def _move(models: Path, history: int, move: Move) -> None:
    append(history, move)
    point(models, move.target.folder)


def point(models: Path, name: str) -> None:
    """Let the pointer name another model: whole or not at all."""
    part = models / PART
    with part.open("w", encoding="utf-8") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(models / POINTER)
    sync_folder(models)
