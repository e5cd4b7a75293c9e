"""The OpenAPI 3.1 document, made from the pydantic shapes and the table of operations.

    python -m service.http.openapi > service/http/openapi.json

writes the one that is checked in; a running service serves it with the limits that it was given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.http import schema as shapes
from service.http.settings import Settings

REF = "#/components/schemas/{model}"
JSON, NDJSON, PROBLEM, TEXT, HTML = "application/json", "application/x-ndjson", "application/problem+json", "text/plain", "text/html"
WRONG = {
    400: "The body is not JSON in UTF-8, or holds a key twice, NaN or Infinity.",
    401: "There is no API key, or it is not known; only where keys are in use.",
    403: "The API key has not the scope; only where keys are in use.",
    404: "There is no such model.",
    413: "More than is taken; `errors` says where, unless the whole body is too large.",
    415: "Another content type, or a compressed body.",
    422: "Fields or parameters cannot be used; `errors` names every one.",
    429: "More requests than the rate limit; `Retry-After` says when to come again.",
    503: "No model is ready, all places are taken, or the list took too long; `Retry-After` says when to come again.",
}
GUARDED = (401, 403, 429)
POSTED = (400, 413, 415, 422, 503)


@dataclass(frozen=True)
class Operation:
    """One operation: what it takes and gives by content type, and with which other statuses it may answer."""

    path: str
    method: str
    id: str
    summary: str
    gives: Mapping[str, Any]
    description: str = ""
    takes: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    wrong: tuple[int, ...] = ()


def document(config: Mapping[str, Any]) -> dict[str, Any]:
    """Make the document with the limits of a config, its settings by their names in capitals."""
    models = [found for found in vars(shapes).values() if isinstance(found, type) and issubclass(found, BaseModel)]
    wanted = [model for model in models if model not in (BaseModel, shapes.Shape)]
    _, whole = models_json_schema([(model, "validation") for model in wanted], ref_template=REF)
    schemas = _limited(whole["$defs"], config)
    paths: dict[str, Any] = {}
    for operation in _operations():
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    info = {"title": "Conflict Tagger", "version": version("conflict-tagger"), "description": _description(config)}
    keys = {"bearer": {"type": "http", "scheme": "bearer"}, "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas, "securitySchemes": keys}}


def _description(config: Mapping[str, Any]) -> str:
    keys = "This service asks for an API key." if config["KEYS_FILE"] else "This service asks for no API key."
    rate = f" A caller may ask {config['RATE_LIMIT']}." if config["RATE_LIMIT"] else ""
    return (
        "Tags conflict news: which topics a story has, and in what tone.\n\n"
        f"Limits: a body has at most {config['MAX_CONTENT_LENGTH']} bytes, a list {config['MAX_STORIES']} stories, a stream "
        f"{config['MAX_STREAM_STORIES']} stories, a title or text {config['MAX_CHARACTERS']} characters (413). A list may take "
        f"{config['MAX_SECONDS']:g} seconds, and a worker answers {config['CONCURRENCY']} requests at once (503).{rate}\n\n"
        f"{keys} Every answer bears X-Request-ID: the caller's, where it is 1 to 64 letters, digits, dots, lines and underscores."
    )


def _limited(schemas: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    schemas["StoryList"]["properties"]["stories"]["maxItems"] = config["MAX_STORIES"]
    for name in ("title", "text"):
        schemas["StoryIn"]["properties"][name]["anyOf"][0]["maxLength"] = config["MAX_CHARACTERS"]
    return schemas


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _operation(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {"operationId": operation.id, "summary": operation.summary}
    if operation.description:
        said["description"] = operation.description
    if operation.parameters:
        said["parameters"] = [_parameters()[name] for name in operation.parameters]
    if operation.takes:
        said["requestBody"] = {"required": True, "content": _content(operation.takes)}
    if set(GUARDED) & set(operation.wrong):
        said["security"] = [{}, {"bearer": []}, {"header": []}]
    wrong = {str(status): _wrong(status) for status in sorted(operation.wrong)}
    said["responses"] = {"200": {"description": HTTPStatus.OK.phrase, "content": _content(operation.gives)}, **wrong}
    return said


def _content(kinds: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema} for kind, schema in kinds.items()}


def _wrong(status: int) -> dict[str, Any]:
    said: dict[str, Any] = {"description": WRONG[status], "content": {PROBLEM: {"schema": _ref(shapes.Problem)}}}
    if status in (429, 503):
        said["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return said


def _parameters() -> dict[str, Any]:
    return {
        "evidence": {
            "name": "evidence",
            "in": "query",
            "description": "up to how many readings to show per label that was given",
            "schema": {"type": "integer", "minimum": 0, "maximum": 100, "default": 0},
        },
        "partial": {
            "name": "partial",
            "in": "query",
            "description": "1 answers the good stories of a list, and says in the place of each other what is wrong with it",
            "schema": {"type": "integer", "enum": [0, 1], "default": 0},
        },
        "name": {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "the model's name; the service has one",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        },
    }


def _operations() -> list[Operation]:
    return [*_classifying("/v1/classify", "classify_v1"), *_classifying("/classify", "classify"), *_looking(), *_inference()]


def _classifying(path: str, name: str) -> list[Operation]:
    one = {"allOf": [_ref(shapes.StoryIn), {"not": {"required": ["stories"]}}]}
    given = {JSON: {"anyOf": [_ref(shapes.Answer), _ref(shapes.AnswerList)]}, NDJSON: {"type": "string"}}
    return [
        Operation(
            path,
            "post",
            name,
            "Tag one story, a list of stories, or a stream of them",
            given,
            "A stream is NDJSON, a StoryIn a line, answered by a line each, Answer or Refused, while it arrives: read while you send.",
            {JSON: {"anyOf": [one, _ref(shapes.StoryList)]}, NDJSON: {"type": "string"}},
            ("evidence", "partial"),
            (*POSTED, *GUARDED),
        )
    ]


def _looking() -> list[Operation]:
    status = {JSON: _ref(shapes.Status)}
    return [
        Operation("/labels", "get", "labels", "The labels", {JSON: _ref(shapes.Labels)}, wrong=(*GUARDED, 503)),
        Operation("/model", "get", "model", "The model and its figures", {JSON: _ref(shapes.ModelInfo)}, wrong=(*GUARDED, 503)),
        Operation("/version", "get", "version", "Versions", {JSON: _ref(shapes.Version)}),
        Operation("/healthz", "get", "healthz", "Whether the process answers", status),
        Operation("/readyz", "get", "readyz", "Whether the model answers", status, wrong=(503,)),
        Operation("/metrics", "get", "metrics", "Figures for Prometheus", {TEXT: {"type": "string"}}, wrong=GUARDED[:2]),
        Operation("/openapi.json", "get", "openapi", "This document", {JSON: {"type": "object"}}),
        Operation("/docs", "get", "docs", "This document as a page", {HTML: {"type": "string"}}),
    ]


def _inference() -> list[Operation]:
    ready = {JSON: _ref(shapes.Ready)}
    named, info = ("name",), (*GUARDED, 404, 503)
    return [
        Operation("/v2", "get", "v2", "Server metadata (Open Inference Protocol)", {JSON: _ref(shapes.ServerMetadata)}, wrong=GUARDED),
        Operation("/v2/health/live", "get", "v2_live", "Whether the server lives", {JSON: _ref(shapes.Live)}),
        Operation("/v2/health/ready", "get", "v2_ready", "Whether the server is ready", ready, wrong=(503,)),
        Operation("/v2/models/{name}/ready", "get", "v2_model_ready", "Whether a model is ready", ready, "", {}, named, (404, 503)),
        Operation("/v2/models/{name}", "get", "v2_model", "Model metadata", {JSON: _ref(shapes.ModelMetadata)}, "", {}, named, info),
        Operation(
            "/v2/models/{name}/infer",
            "post",
            "v2_infer",
            "Tag stories given as columns",
            {JSON: _ref(shapes.InferResponse)},
            "Columns are in JSON; the binary extension is not taken. A list in a cell is JSON text.",
            {JSON: _ref(shapes.InferRequest)},
            named,
            (*POSTED, *GUARDED, 404),
        ),
    ]


def checked_in() -> str:
    """Give the text of the document with the default limits."""
    defaults = {name.upper(): value for name, value in Settings.model_validate({})}
    return json.dumps(document(defaults), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(checked_in(), end="")  # noqa: T201  # this is the command's output
