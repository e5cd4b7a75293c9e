"""The report page and its parts."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from service.errors import CorpusError
from service.model.evidence import contributions
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.stories import Corpus
from training.report.mistakes import LONGEST, shaded, word_weights
from training.report.page import Page, measured_on, page_of, read_learning_curve, render
from training.train import Trained

HOSTILE = '<script>document.title = "run"</script><img src="http://127.0.0.1:9/x" onerror="document.title = 1"> border clash & "talks"'
POINTS = [{"stories": 100, "F1 <b>": 0.5}, {"stories": 1000, "F1 <b>": 0.8}]


class Elements(HTMLParser):
    """Collects the elements of a page with their attributes, and what stands in scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.found if "id" in attributes]


@pytest.fixture(scope="module")
def hostile_page(small_tagger: Tagger, small_corpus: Corpus) -> Page:
    """Make a page whose every story, id and column tries to run a script; each second label is wrong, so that the stories are shown."""
    other = {"hostile": "neutral", "neutral": "conciliatory", "conciliatory": "hostile"}
    rows = tuple(
        replace(
            row,
            story=Story(f"{index}{HOSTILE}", HOSTILE + row.story.title, row.story.text + HOSTILE),
            tone=other[row.tone or ""] if index % 2 else row.tone,
            topics=() if index % 2 else row.topics,
            extra={"source": HOSTILE},
        )
        for index, row in enumerate(small_corpus.rows)
    )
    measured = measured_on("evaluation", small_tagger.model, replace(small_corpus, rows=rows))
    return page_of(small_tagger.model, [HOSTILE] * len(small_tagger.model.weights), [measured], {}, POINTS)


def test_the_same_training_gives_the_same_page(small_trained: Trained, small_model_dir: Path, tmp_path: Path) -> None:
    small_trained.write(tmp_path / "again")
    assert (small_model_dir / "report.html").read_bytes() == (tmp_path / "again" / "report.html").read_bytes()


def test_the_page_shows_every_part(small_model_dir: Path, small_trained: Trained) -> None:
    page = (small_model_dir / "report.html").read_text("utf-8")
    for title in ("By label", "Precision and recall", "Reliability", "Tones confused", "Slices", "Thresholds", "Worst mistakes", "Corpus"):
        assert f">{title}</h3>" in page
    for title in ("Heaviest terms", "Word classes", "Signature"):
        assert title in page
    assert f"{small_trained.metrics['cross_validation']['topics_macro_f1']:.3f}" in page
    assert "<mark" in page
    assert "[kill_verb]" in page


def test_ids_are_unique_and_every_reference_is_met(hostile_page: Page) -> None:
    page = render(hostile_page)
    ids = Elements(page).ids()
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_nothing_in_the_page_leads_elsewhere_and_no_story_makes_an_element(hostile_page: Page) -> None:
    elements = Elements(render(hostile_page)).found
    assert not {"img", "link", "iframe", "object", "base", "b"} & {tag for tag, _ in elements}
    assert [tag for tag, _ in elements].count("script") == 1
    for _, attributes in elements:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    [policy] = [attributes["content"] or "" for tag, attributes in elements if tag == "meta" and "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy


def test_words_share_all_of_a_storys_evidence(small_tagger: Tagger, small_corpus: Corpus) -> None:
    for row in small_corpus.rows[:20]:
        parts = contributions(small_tagger.model, row.story)
        words = word_weights(small_tagger.model, row.story.joined, parts.spans, parts.weights[:, 0])
        assert sum(weight for _, _, weight in words) == pytest.approx(parts.weights[:, 0].sum())


@pytest.mark.parametrize("title", ["", "Two killed in border clash"])
def test_pieces_put_together_are_the_story(small_tagger: Tagger, title: str) -> None:
    story = Story("a", title, "Élan: shells fell across the border. " * 60)
    parts = contributions(small_tagger.model, story)
    shown = shaded(story, word_weights(small_tagger.model, story.joined, parts.spans, parts.weights[:, 0]))
    assert ["".join(piece.text for piece in pieces) for pieces in shown] == [title, story.text[:LONGEST]]
    assert max(abs(piece.level) for pieces in shown for piece in pieces) == 4


def test_mistakes_are_wrong_and_furthest_first(small_tagger: Tagger, shipped_corpus: Corpus) -> None:
    unseen = replace(shipped_corpus, rows=shipped_corpus.rows[3::17])
    measured = measured_on("evaluation", small_tagger.model, unseen)
    tags = dict(zip((row.story.id for row in unseen.rows), small_tagger.tag([row.story for row in unseen.rows]), strict=True))
    rows = {row.story.id: row for row in unseen.rows}
    assert measured.mistakes
    for mistake in measured.mistakes:
        said, true = tags[mistake.id], rows[mistake.id]
        assert (mistake.label in (*said.topics, said.tone)) != (mistake.label in (*true.topics, true.tone))
    for topic, limit in small_tagger.model.thresholds.items():
        distances = [abs(mistake.probability - limit) for mistake in measured.mistakes if mistake.label == topic]
        assert np.all(np.diff(distances) <= 1e-12)


def test_a_learning_curve_needs_the_same_figures_in_every_line(tmp_path: Path) -> None:
    file = tmp_path / "curve.jsonl"
    file.write_text('{"stories": 10, "F1": 0.5}\n{"stories": 20}\n')
    with pytest.raises(CorpusError, match=r"curve\.jsonl:2: write numbers only"):
        read_learning_curve(file)
    file.write_text('{"stories": 10, "F1": 0.5}\n{"stories": 20, "F1": 0.6}\n')
    assert read_learning_curve(file)[1] == {"stories": 20, "F1": 0.6}
