"""A client of the HTTP service that needs nothing but the standard library.

>>> from service.client import Client
>>> client = Client("http://127.0.0.1:8000")
>>> client.classify(text="Shells fell across the border.")["topics"]
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NotRequired, TypedDict

from service.errors import ServiceError, StoryError

AGAIN = (429, 502, 503, 504)
LONGEST = 60.0


class Answer(TypedDict):
    """What the service says of one story; `evidence` when it was asked for."""

    id: str | None
    topics: list[str]
    tone: str | None
    scores: dict[str, dict[str, float]]
    review: list[str]
    coverage: float
    model: str
    evidence: NotRequired[dict[str, list[dict[str, Any]]]]


@dataclass(frozen=True)
class Client:
    """The service at `url`. A request that was refused for now, or did not get through, is sent again up to `retries` times.

    Raises StoryError for stories that cannot be tagged, with the faults that the library gives, and ServiceError for all else.
    """

    url: str
    key: str | None = None
    timeout: float = 30.0
    retries: int = 3

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ServiceError(0, f"{self.url!r} is no http or https address")

    def classify(self, *, title: str = "", text: str = "", id: str | None = None, evidence: int = 0) -> Answer:
        """Tag one story."""
        answer: Answer = self._post({"id": id, "title": title, "text": text}, evidence)
        return answer

    def classify_many(self, stories: Iterable[Mapping[str, Any]], *, evidence: int = 0, at_once: int = 128) -> Iterator[Answer]:
        """Tag any number of stories, mappings with title, text and id, in their order; so many are sent at once."""
        rest = iter(stories)
        while chunk := [dict(story) for story in islice(rest, at_once)]:
            yield from self._post({"stories": chunk}, evidence)["stories"]

    def labels(self) -> dict[str, Any]:
        """Get the labels with their definitions and thresholds."""
        labels: dict[str, Any] = self._ask("/labels", None)
        return labels

    def _post(self, body: Any, evidence: int) -> Any:
        query = f"?{urllib.parse.urlencode({'evidence': evidence})}" if evidence else ""
        return self._ask(f"/v1/classify{query}", json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        for left in range(self.retries, -1, -1):
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as error:
                wait = _wait(error.headers.get("Retry-After"), self.retries - left)
                if error.code not in AGAIN or not left:
                    raise _error(error) from error
            except (OSError, ValueError) as error:
                wait = _wait(None, self.retries - left)
                if not left:
                    raise ServiceError(0, f"{self.url}: {error}") from error
            time.sleep(wait)
        raise AssertionError("the last round returns or raises")

    def _once(self, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(self.url.rstrip("/") + path, body, headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            return json.load(response)


def _wait(asked: str | None, round_: int) -> float:
    """Give the seconds before the next round: those that the service asked for, or ever longer ones, by chance shortened."""
    if asked is not None and asked.isdigit():
        return min(float(asked), LONGEST)
    return 0.2 * float(2**round_) * random.uniform(0.5, 1)


def _error(error: urllib.error.HTTPError) -> Exception:
    try:
        problem = json.loads(error.read())
        faults = [(fault.get("pointer") or fault.get("parameter", ""), fault["detail"]) for fault in problem.get("errors", [])]
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServiceError(error.code, error.reason)
    if error.code == 422 and faults:
        return StoryError([(place.removeprefix("/"), reason) for place, reason in faults])
    return ServiceError(error.code, detail, faults)
