"""The running service keeps its OpenAPI document: requests made up from it, good and bad, and every answer held against it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conftest import ROOT
from tests.system.server import Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what schemathesis imports is its own affair
    import schemathesis
    from schemathesis.specs.openapi.checks import negative_data_rejection

DOCUMENT = json.loads((ROOT / "service" / "http" / "openapi.json").read_bytes())
OPERATIONS = [(path, method) for path, found in DOCUMENT["paths"].items() for method in found]
GOOD, BAD = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [(path, method, mode) for path, method in OPERATIONS for mode in (GOOD, BAD) if mode is GOOD or method == "post"]
EXAMPLES = 40
# With ?partial=1 a list with bad stories is answered; and a mutation of one branch of an anyOf may leave another one satisfied.
ACCEPTING = [negative_data_rejection]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server([sys.executable, "-m", "service"], "--set", "max_characters=2000", cwd=ROOT) as server:
        yield server


@pytest.fixture(scope="module")
def api(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("path", "method", "mode"), CASES, ids=[f"{method} {path} {mode.value}" for path, method, mode in CASES])
def test_every_answer_is_as_described(api: Any, path: str, method: str, mode: Any) -> None:
    operation = api[path][method]
    examples = EXAMPLES if method == "post" else 5

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    def holds(case: Any) -> None:
        case.call_and_validate(timeout=20, excluded_checks=ACCEPTING if "classify" in path else [])

    holds()
