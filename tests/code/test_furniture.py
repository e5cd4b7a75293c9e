"""Page furniture is blanked, the story is not, and offsets stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.furniture import blank_furniture
from service.model.story import Story

FURNITURE = [
    "Photo: News Wire / File",
    "A soldier walks past a damaged house. Photo: J. Smith/Agency",
    "A soldier looks across the border from a trench. File photo: News Wire",
    "By Our Correspondents",
    "BY JOHN SMITH and MARY JONES in GENEVA",
    "Last updated 14:02 GMT",
    "Updated: 3 May 2014, 09:15",
    "[Image 1 of 3] Caption: smoke over the hills. Credit: Handout",
    "(Reporting by A. Jones; Editing by B. Brown)",
    "Additional reporting by C. Green",
    "Share this story. Sign up for our newsletter. All rights reserved.",
    "Sign up for our newsletter",
    "Read more: Ten things to know",
    "Related topics",
    "Advertisement",
    "Comments (12)",
    "© 2019 The Daily",
]
STORY = [
    "Photographs of the dead were shown to reporters on Tuesday.",
    "By Tuesday evening the shelling had stopped, officials said.",
    "By then, the two armies had agreed to a truce.",
    "The president said rebels must share this land in peace.",
    "The ministry updated the death toll to 14.",
    "Credit for the deal went to the envoy, diplomats said.",
    "Reporting from the border, our correspondent heard shots.",
    "The minister read more than 40 names aloud.",
    "Two soldiers were killed.",
]


@pytest.mark.parametrize("line", FURNITURE)
def test_furniture_is_blanked(line: str) -> None:
    text = f"Shells hit the post.\n\n{line}\nNobody was hurt."
    assert blank_furniture(text) == f"Shells hit the post.\n\n{' ' * len(line)}\nNobody was hurt."


@pytest.mark.parametrize("line", STORY)
def test_lines_of_the_story_stay(line: str) -> None:
    text = f"Shells hit the post.\n{line}\n"
    assert blank_furniture(text) == text


def test_a_text_that_is_nothing_else_and_a_text_of_one_line_are_left_alone() -> None:
    assert blank_furniture("Photo: News Wire\n\nAdvertisement") == "Photo: News Wire\n\nAdvertisement"
    assert blank_furniture("Photo: News Wire") == "Photo: News Wire"


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from([*FURNITURE, *STORY])), max_size=8))
def test_every_character_stays_in_its_place(lines: list[str]) -> None:
    text = "\n".join(lines)
    blanked = blank_furniture(text)
    assert len(blanked) == len(text)
    assert all(after in (before, " ") for before, after in zip(text, blanked, strict=True))


def test_spans_behind_furniture_index_the_callers_text() -> None:
    story = Story(title="War", text="Photo: A. B.\nShells fell.")
    start = story.joined.index("Shells")
    assert story.locate(start, start + 6) == ("text", 13, 19)
