"""The Open Inference Protocol (/v2), so that KServe and MLServer users can plug in: columns of BYTES in, columns out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version as installed
from typing import Any

from flask import Blueprint, current_app, request
from pydantic import ValidationError

from service.http.body import Refusal, read_item, read_json, refuse_many, unprocessable
from service.http.limits import slot
from service.http.loading import PATIENCE, served
from service.http.problems import Problem
from service.http.routes import Reply, tag_in_time
from service.http.schema import InferInput, InferRequest
from service.model.artifact import Model
from service.model.story import Story, kind

inference = Blueprint("inference", __name__, url_prefix="/v2")


@inference.get("/health/live")
def live() -> Reply:
    """Say that the server lives."""
    return {"live": True}


@inference.get("/health/ready")
def ready() -> Reply:
    """Say that the model answers; 503 until then."""
    served().tagger()
    return {"ready": True}


@inference.get("", strict_slashes=False)
def server() -> Reply:
    """Show the server's metadata."""
    return {"name": current_app.config["MODEL_NAME"], "version": installed("conflict-tagger"), "extensions": []}


@inference.get("/models/<name>/ready")
def model_ready(name: str) -> Reply:
    """Say that a model answers; 503 until then."""
    _known(name)
    served().tagger()
    return {"ready": True, "name": name}


@inference.get("/models/<name>")
def metadata(name: str) -> Reply:
    """Show what inference takes and gives."""
    _known(name)
    model = served().tagger(PATIENCE).model
    inputs = [{"name": column, "shape": [-1], "datatype": "BYTES"} for column in ("text", "title", "id")]
    outputs = [{"name": column, "shape": [-1], "datatype": datatype} for column, datatype in _columns(model)]
    return {"name": name, "versions": [model.name], "platform": "conflict-tagger", "inputs": inputs, "outputs": outputs}


@inference.post("/models/<name>/infer")
def infer(name: str) -> Reply:
    """Tag stories given as columns."""
    _known(name)
    with slot():
        asked = _read()
        stories = _stories(asked)
        tagger = served().tagger(PATIENCE)
        outputs = _outputs(tagger.model, tag_in_time(tagger, stories), _wanted(asked, tagger.model))
    said = {"model_name": name, "model_version": tagger.model.name, "outputs": outputs}
    return said if asked.id is None else {**said, "id": asked.id}


def _known(name: str) -> None:
    if name != current_app.config["MODEL_NAME"]:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is one model here, {current_app.config['MODEL_NAME']}.")


def _read() -> InferRequest:
    body = read_json(request)
    try:
        return InferRequest.model_validate(body)
    except ValidationError as error:
        faults = [("/" + "/".join(map(str, entry["loc"])), entry["msg"]) for entry in error.errors()]
        raise unprocessable(faults) from error


def _stories(asked: InferRequest) -> list[Story]:
    """Put columns together to stories. Raises Problem naming every cell that is not usable."""
    names = [column.name for column in asked.inputs]
    faults = [(f"/inputs/{place}/name", "stands twice") for place, name in enumerate(names) if name in names[:place]]
    cells = [_cells(place, column, faults) for place, column in enumerate(asked.inputs)]
    if len({len(column) for column in cells}) > 1:
        faults.append(("/inputs", f"hold {', '.join(str(len(column)) for column in cells)} cells; give each as many"))
    if faults:
        raise unprocessable(faults)
    refuse_many(len(cells[0]), "/inputs/0/data")
    records = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    items = [read_item("", record) for record in records]
    wrong = [
        (_cell_pointer(names, field, row), reason)
        for row, item in enumerate(items)
        if isinstance(item, Refusal)
        for field, reason in item.faults
    ]
    if wrong:
        raise unprocessable(wrong)
    return [item for item in items if isinstance(item, Story)]


def _cell_pointer(names: Sequence[str], field: str, row: int) -> str:
    """Turn the place of a fault in a story, such as `/text`, into that of the cell it came from."""
    name = field.removeprefix("/")
    return f"/inputs/{names.index(name) if name in names else 0}/data/{row}"


def _cells(place: int, column: InferInput, faults: list[tuple[str, str]]) -> list[Any]:
    cells = [cell[0] if isinstance(cell, list) and len(cell) == 1 else cell for cell in column.data]
    if column.shape not in ([len(cells)], [len(cells), 1]):
        faults.append((f"/inputs/{place}/shape", f"is {column.shape}, but data holds {len(cells)}"))
    faults += [
        (f"/inputs/{place}/data/{row}", f"must be text, not {kind(cell)}") for row, cell in enumerate(cells) if not isinstance(cell, str)
    ]
    return cells


def _wanted(asked: InferRequest, model: Model) -> set[str]:
    names = {column for column, _ in _columns(model)}
    if asked.outputs is None:
        return names
    wanted = [output.get("name") for output in asked.outputs]
    faults = [
        (f"/outputs/{place}/name", f"must be one of {', '.join(sorted(names))}") for place, name in enumerate(wanted) if name not in names
    ]
    if faults:
        raise unprocessable(faults)
    return set(map(str, wanted))


def _columns(model: Model) -> list[tuple[str, str]]:
    heads = [head for head, labels in (("topics", model.labels.topics), ("tone", model.labels.tones)) if labels]
    scores = [(f"score_{label}", "FP64") for label in model.labels.columns]
    return [*((head, "BYTES") for head in heads), *scores, ("review", "BYTES"), ("coverage", "FP64")]


def _outputs(model: Model, answers: list[Reply], wanted: set[str]) -> list[Reply]:
    return [
        {"name": name, "shape": [len(answers)], "datatype": datatype, "data": [_cell(name, said) for said in answers]}
        for name, datatype in _columns(model)
        if name in wanted
    ]


def _cell(name: str, said: Reply) -> Any:
    """Give one cell: lists as JSON text, a tone that is not there as empty text, scores without a known word as 0."""
    if name.startswith("score_"):
        scores = {**said["scores"]["topics"], **said["scores"]["tone"]}
        return scores.get(name.removeprefix("score_"), 0.0)
    value = said[name]
    return json.dumps(value) if isinstance(value, list) else value if value is not None else ""
