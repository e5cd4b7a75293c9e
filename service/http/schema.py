"""The shapes of requests and answers, as pydantic models: what the OpenAPI document says, and what tests hold every answer against.

The one rule of what a story may be is `service.model.story`; `StoryIn` describes it, and a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, StrictStr

VISIBLE = r"[^\s\x1c-\x1f\x85\ufeff]"


class Shape(BaseModel):
    """An answer: nothing in it that is not described."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


def _something_to_read(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [
        {"required": [name], "properties": {name: {"type": "string", "pattern": VISIBLE}}, "title": f"with a {name}"}
        for name in ("title", "text")
    ]


class StoryIn(BaseModel):
    """A story: a title, a text, or both, one of which holds something. Other members are not looked at."""

    model_config = ConfigDict(json_schema_extra=_something_to_read)
    id: StrictStr | StrictInt | None = Field(None, description="the caller's own; comes back as text")
    title: StrictStr | None = None
    text: StrictStr | None = None


class StoryList(BaseModel):
    """Stories, answered in their order."""

    model_config = ConfigDict(json_schema_extra={"not": {"anyOf": [{"required": [name]} for name in ("id", "title", "text")]}})
    stories: list[StoryIn] = Field(min_length=1)


class Scores(Shape):
    """Probability per label; both empty when no word of the story is known."""

    topics: dict[str, float]
    tone: dict[str, float] = Field(description="these add up to 1")


class Span(Shape):
    """A place in the caller's own field, in code points."""

    field: Literal["title"] | None = Field(None, description="absent for the text")
    start: int
    end: int


class EvidenceItem(Span):
    """Words that spoke for a label, and how much they add to its score; `also` says where else they stand."""

    text: str
    weight: float
    also: list[Span] | None = None


class Answer(Shape):
    """What the model says of one story."""

    id: str | None
    topics: list[str] = Field(description="any number of the model's topics")
    tone: str | None = Field(description="one of the model's tones; null without a known word or when the model has none")
    scores: Scores
    review: list[str] = Field(description="what a person should look at: `close:LABEL`, `unfamiliar`, `no_known_words`")
    coverage: float = Field(ge=0, le=1, description="share of the words that the model knows")
    model: str
    evidence: dict[str, list[EvidenceItem]] | None = None


class Fault(Shape):
    """One thing wrong, and its place: a JSON pointer into the body, or a parameter of the URL."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str


class Faults(Shape):
    """Why one story of several was not answered."""

    detail: str
    errors: list[Fault]


class Refused(Shape):
    """Stands in the place of a story that was not answered; `line` counts from 1 and is there in streams."""

    error: Faults
    line: int | None = None


class AnswerList(Shape):
    """The answers, in the order of the stories; `Refused` ones only with `?partial=1`."""

    stories: list[Answer | Refused]
    model: str


class Problem(Shape):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None
    error: str | None = Field(None, description="under /v2 the detail again, where the Open Inference Protocol has it")


class Labels(Shape):
    """The model's labels, each with its definition, and the probability from which a topic is set."""

    topics: dict[str, str]
    tone: dict[str, str]
    thresholds: dict[str, float]
    model: str


class ModelInfo(Shape):
    """The model's manifest, and the figures measured when it was made."""

    manifest: dict[str, JsonValue]
    metrics: dict[str, JsonValue]


class Version(Shape):
    """The versions of the package and of the interface."""

    version: str
    api: str


class Status(Shape):
    """How the service is; `model` when one is ready."""

    status: str
    model: str | None = None


class InferInput(BaseModel):
    """A column of stories' fields: `text`, `title` or `id`."""

    name: Literal["text", "title", "id"]
    shape: list[StrictInt] = Field(min_length=1, max_length=2, description="[n] or [n, 1]")
    datatype: Literal["BYTES"]
    data: list[Any] = Field(min_length=1, description="n strings, flat or in lists of one")
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """An inference request of the Open Inference Protocol: `text` or `title` or both, of one length."""

    id: StrictStr | None = None
    inputs: list[InferInput] = Field(min_length=1, max_length=3)
    outputs: list[dict[str, Any]] | None = Field(None, description="names of the outputs wanted; all when absent")
    parameters: dict[str, Any] | None = None


class Tensor(Shape):
    """A column of an inference answer."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferResponse(Shape):
    """An inference answer of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


class TensorInfo(Shape):
    """A column that inference takes or gives; -1 is the number of stories."""

    name: str
    shape: list[int]
    datatype: str


class ModelMetadata(Shape):
    """Model metadata of the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]


class ServerMetadata(Shape):
    """Server metadata of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class Live(Shape):
    """Says that the server lives."""

    live: bool


class Ready(Shape):
    """Says that the model answers; `name` for one model."""

    ready: bool
    name: str | None = None
