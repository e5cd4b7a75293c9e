"""Evidence laid over a story: nothing of the text is lost, and what is shown adds up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answers import answer
from service.http.highlight import SHADES, Passage, highlight
from service.model.story import Story
from service.model.tagger import Tagger

LETTERS = st.text(st.sampled_from("ab é👩‍\U0001d4b3\n"), max_size=30)


@st.composite
def items_over(draw: st.DrawFn, fields: dict[str, str]) -> list[dict[str, Any]]:
    places = []
    for name, text in fields.items():
        for _ in range(draw(st.integers(0, 4)) if text else 0):
            start = draw(st.integers(0, len(text) - 1))
            places.append({"field": name, "start": start, "end": draw(st.integers(start + 1, len(text)))})
    items = []
    while places:
        first, *also = (places.pop() for _ in range(min(len(places), draw(st.integers(1, 3)))))
        text = fields[first["field"]][first["start"] : first["end"]]
        items.append({**first, "text": text, "weight": draw(st.floats(0.001, 5)), **({"also": also} if also else {})})
    return items


@given(st.data(), LETTERS, LETTERS)
def test_every_character_is_kept_and_carries_the_sum_of_the_weights_over_it(data: st.DataObject, title: str, text: str) -> None:
    fields = {"title": title, "text": text}
    items = data.draw(items_over(fields))
    found = highlight(title, text, items)
    for name, passages in (("title", found.title), ("text", found.text)):
        assert "".join(passage.text for passage in passages) == fields[name]
        expected = [0.0] * len(fields[name])
        for item in items:
            spans = [item, *item.get("also", [])]
            for span in spans:
                for place in range(span["start"], span["end"]) if span["field"] == name else ():
                    expected[place] += item["weight"] / len(spans)
        assert [passage.weight for passage in passages for _ in passage.text] == pytest.approx(expected)


def test_the_strongest_passage_has_the_deepest_shade_and_plain_text_has_none() -> None:
    found = highlight("", "were wounded here", [
        {"start": 0, "end": 12, "text": "were wounded", "weight": 0.2},
        {"start": 5, "end": 12, "text": "wounded", "weight": 0.8},
    ])  # fmt: skip
    assert [(passage.text, found.shade(passage)) for passage in found.text] == [("were ", 1), ("wounded", SHADES), (" here", 0)]
    assert found.text[1].weight == pytest.approx(1.0)
    assert [reading.text for reading in found.text[1].readings] == ["wounded", "were wounded"]


def test_a_field_without_evidence_is_one_plain_passage() -> None:
    assert highlight("", "Nothing here", []).text == (Passage("Nothing here"),)
    assert highlight("", "Nothing here", []).title == ()


def test_real_evidence_adds_up_over_a_real_story(default_tagger: Tagger) -> None:
    story = Story(
        title="Border clash", text="Shells fell across the border; the border was closed. Two soldiers were killed at the border."
    )
    [said] = answer(default_tagger, [story], 100)
    for items in said["evidence"].values():
        found = highlight(story.title, story.text, items)
        readings = {reading for passage in (*found.title, *found.text) for reading in passage.readings}
        assert sum(reading.weight for reading in readings) == pytest.approx(sum(item["weight"] for item in items))
