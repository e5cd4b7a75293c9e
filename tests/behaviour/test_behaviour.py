"""What the shipped model must do: minimum function, direction, and invariance to what is pasted in with a text."""

from __future__ import annotations

import pytest

from service.model.evidence import evidence
from service.model.story import Story
from service.model.tagger import Tagger, Tags
from service.model.tokens import term
from tests.conftest import DATASETS

ALL = ("border_clash", "diplomacy", "casualties")
SAMPLE = (DATASETS / "sample_story.txt").read_text("utf-8")
TELLINGS = [
    SAMPLE,
    "Four soldiers were wounded on Monday in heavy shelling on the border. The defence ministry accused the neighbouring state's army "
    "of firing mortars at its positions. The other government denied it and asked its ally to come to its defence under a mutual "
    "defence treaty.",
    "BORDER FIGHTING FLARES, FOUR WOUNDED\n\nTroops exchanged artillery fire across the border through the night. Kabul said Pakistani "
    "forces shelled its posts and wounded four soldiers. Islamabad called on Washington to stand by its defence pact and summoned the "
    "Afghan envoy.",
    "State news agency: enemy forces again opened fire across the border this morning and shelled our positions. Four servicemen were "
    "injured. The president has appealed to the allied power for military help under the treaty of friendship and mutual defence, the "
    "foreign ministry said.",
]


def tag(tagger: Tagger, text: str, title: str = "") -> Tags:
    [tags] = tagger.tag([Story(title=title, text=text)])
    return tags


@pytest.mark.parametrize("telling", TELLINGS)
def test_a_heavy_border_clash_with_a_call_for_help_is_recognised_however_told(default_tagger: Tagger, telling: str) -> None:
    tags = tag(default_tagger, telling)
    assert tags.topics == ALL
    assert tags.tone == "hostile"


def test_the_words_that_led_to_each_tag_make_sense(default_tagger: Tagger) -> None:
    story = Story(text=SAMPLE)
    [tags] = default_tagger.tag([story])
    found = evidence(default_tagger.model, story, tags, 12)
    said = {label: [story.text[item.spans[0].start : item.spans[0].end] for item in items] for label, items in found.items()}
    words = {label: {word for reading in readings for word in term(reading).split()} for label, readings in said.items()}
    assert "border" in words["border_clash"]
    assert words["diplomacy"] & {"foreign", "minister", "treaty", "government", "governments", "talks", "moscow", "called"}
    assert words["casualties"] & {"wounded", "soldiers"}


PASTED = [
    "Photo: News Wire / File\n\n{}",
    "{}\n\nA soldier walks past a damaged house. Photo: J. Smith/Agency",
    "By Our Correspondent\nLast updated 14:02 GMT\n{}",
    "{}\n\nShare this story. Sign up for our newsletter. All rights reserved.",
    "TBILISI, 12 May (News Wire) - {}",
    "[Image 1 of 3] Caption: smoke over the hills. Credit: Handout\n{}\n(Reporting by A. Jones; Editing by B. Brown)",
]


@pytest.mark.parametrize("frame", PASTED)
@pytest.mark.parametrize("telling", TELLINGS)
def test_credits_captions_bylines_and_datelines_change_no_tag(default_tagger: Tagger, telling: str, frame: str) -> None:
    plain, pasted = tag(default_tagger, telling), tag(default_tagger, frame.format(telling))
    assert (pasted.topics, pasted.tone) == (plain.topics, plain.tone)


@pytest.mark.parametrize("telling", TELLINGS)
def test_case_accents_and_spacing_change_no_score(default_tagger: Tagger, telling: str) -> None:
    scores = default_tagger.score([telling, telling.upper(), telling.replace(" ", "  \n"), telling.replace("e", "e\u0301")])
    assert all(row == pytest.approx(scores.decisions[0]) for row in scores.decisions)


PLAIN: list[tuple[str, tuple[str, ...], str]] = [
    ("Derby clash ends in a goalless draw as both sides miss chances in front of a record crowd.", (), "neutral"),
    ("A bus fell into a ravine near the border, killing 20 passengers, police said. The brakes had failed.", (), "neutral"),
    ("The company's shares fell 4 percent after profits missed forecasts, dragging the index lower.", (), "neutral"),
    (
        "A car bomb killed nine people at a market in the capital on Monday and wounded more than 20, police said.",
        ("casualties",),
        "hostile",
    ),
    ("The foreign ministers of the two countries signed an agreement to mark the disputed frontier.", ("diplomacy",), "conciliatory"),
    (
        "Two soldiers were shot dead when border guards exchanged fire across the line of control, the army said.",
        ("border_clash", "casualties"),
        "hostile",
    ),
    (
        "Shells fired from the other side of the border landed in empty fields. No one was hurt, border guards said.",
        ("border_clash",),
        "hostile",
    ),
]


@pytest.mark.parametrize(("text", "topics", "tone"), PLAIN)
def test_plain_cases_of_the_codebook_come_out_right(default_tagger: Tagger, text: str, topics: tuple[str, ...], tone: str) -> None:
    tags = tag(default_tagger, text)
    assert (tags.topics, tags.tone) == (topics, tone)


DIRECTIONS = [
    ("casualties", "Shells hit the village.", "Shells hit the village and killed five people."),
    ("diplomacy", "The army held its positions.", "The army held its positions while envoys met for peace talks in Geneva."),
    ("border_clash", "Troops opened fire on Tuesday.", "Troops opened fire across the border on Tuesday."),
    ("conciliatory", "The two governments met.", "The two governments met and agreed to a ceasefire and to free all prisoners."),
    ("hostile", "The two governments met.", "The two governments accused each other of attacks and threatened to retaliate."),
]


@pytest.mark.parametrize(("label", "without", "with_it"), DIRECTIONS)
def test_what_a_label_means_raises_its_score(default_tagger: Tagger, label: str, without: str, with_it: str) -> None:
    column = default_tagger.model.labels.columns.index(label)
    low, high = default_tagger.score([without, with_it]).probabilities[:, column]
    assert high > low


@pytest.mark.parametrize("names", [("India", "Pakistan"), ("Armenia", "Azerbaijan"), ("Thailand", "Cambodia"), ("Kenya", "Somalia")])
def test_names_do_not_decide(default_tagger: Tagger, names: tuple[str, str]) -> None:
    first, second = names
    told = f"Two soldiers of {first} were killed when troops of {second} fired across the border on Monday, the army said."
    sport = f"{first} beat {second} 2-1 in a qualifier on Monday, with both goals scored before half time."
    assert tag(default_tagger, told).topics == ("border_clash", "casualties")
    assert tag(default_tagger, sport).topics == ()
    swapped = told.replace(first, "@").replace(second, first).replace("@", second)
    assert tag(default_tagger, swapped).topics == tag(default_tagger, told).topics


def test_what_is_unknown_or_close_is_put_up_for_review(default_tagger: Tagger) -> None:
    assert tag(default_tagger, "Zxqv wvut rqpo").review == ("no_known_words",)
    assert "unfamiliar" in tag(default_tagger, "killed " + " ".join(f"zx{number}qv" for number in range(30))).review
    low, high = default_tagger.model.review.bands["border_clash"]
    cases = ["Shots near the border.", "Troops at the border.", "Border guards fired in the air, officials said.", SAMPLE]
    for text in cases:
        tags = tag(default_tagger, text)
        assert ("close:border_clash" in tags.review) == (low < tags.topic_scores["border_clash"] < high)
