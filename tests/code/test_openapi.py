"""The OpenAPI document says what the app does."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from werkzeug.routing import Rule

from service.errors import StoryError
from service.http.app import create_app
from service.http.openapi import checked_in, document
from service.http.schema import StoryIn
from service.http.settings import Settings
from service.model.story import Story
from tests.conftest import DEFAULT, ROOT

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(" aé\x00", max_size=3)
    | st.lists(st.just("a"), max_size=1)
)


def test_the_document_that_is_checked_in_is_the_one_the_code_makes() -> None:
    found = (ROOT / "service" / "http" / "openapi.json").read_text("utf-8")
    assert found == checked_in(), "python -m service.http.openapi > service/http/openapi.json"


def for_people(rule: Rule) -> bool:
    """Say whether a route gives a page or a part of one, and no answer to a program."""
    return rule.endpoint.startswith("pages.") or rule.rule in ("/page.css", "/page.js")


def test_every_route_of_the_app_stands_in_the_document_and_no_other() -> None:
    app = create_app({"MODEL": str(DEFAULT)})
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules() if not for_people(rule)}
    assert rules == set(document(app.config)["paths"])


def test_the_document_states_the_limits_in_force() -> None:
    settings = Settings.model_validate({"max_stories": 7, "max_characters": 99, "rate_limit": "5/minute"})
    whole = document({name.upper(): value for name, value in settings})
    assert whole["components"]["schemas"]["StoryList"]["properties"]["stories"]["maxItems"] == 7
    assert whole["components"]["schemas"]["StoryIn"]["properties"]["text"]["anyOf"][0]["maxLength"] == 99
    assert "5/minute" in whole["info"]["description"]


def test_the_page_of_the_document_needs_nothing_from_elsewhere() -> None:
    response = create_app({"MODEL": str(DEFAULT)}).test_client().get("/docs")
    assert response.status_code == 200
    assert not re.search(r"(src|href)=.?(https?:|//)|<script", response.text)
    for path in document({name.upper(): value for name, value in Settings.model_validate({})})["paths"]:
        assert path in response.text


@given(st.dictionaries(st.sampled_from(["id", "title", "text", "other"]), SCALARS))
def test_the_described_story_and_the_one_rule_of_a_story_refuse_the_same_types(record: dict[str, Any]) -> None:
    try:
        Story.from_record(record)
        refused = set()
    except StoryError as error:
        refused = {field for field, reason in error.faults if reason.startswith("must be")}
    try:
        StoryIn.model_validate(record)
        described = set()
    except ValidationError as error:
        described = {str(entry["loc"][0]) for entry in error.errors()}
    assert described == refused
