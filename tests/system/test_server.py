"""The service under its real WSGI server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.model.story import Story
from service.model.tagger import Tagger
from tests.conftest import ROOT
from tests.system.server import Server
from training.corpus.stories import Corpus


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server([sys.executable, "-m", "service"], "--workers", "2", cwd=ROOT) as server:
        yield server


def test_many_callers_at_once_each_get_their_own_answer(server: Server, default_tagger: Tagger, shipped_corpus: Corpus) -> None:
    stories = [row.story for row in shipped_corpus.rows[:200]]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda story: server.post({"id": story.id, "title": story.title, "text": story.text}), stories))
    for story, answer, tags in zip(stories, answers, default_tagger.tag(stories), strict=True):
        assert answer["id"] == story.id
        assert answer["topics"] == list(tags.topics)
        assert answer["scores"]["tone"] == pytest.approx(dict(tags.tone_scores), abs=1e-6)


def test_sigterm_ends_the_server_cleanly() -> None:
    with Server([sys.executable, "-m", "service"], cwd=ROOT) as server:
        server.post({"text": "x y"})
    assert server.process.returncode == 0
    assert "Traceback" not in server.log


def test_one_story_and_a_batch_agree(server: Server) -> None:
    story = Story(title="Talks", text="Envoys met in Geneva")
    one = server.post({"title": story.title, "text": story.text})
    assert server.post({"stories": [{"title": story.title, "text": story.text}] * 3})["stories"] == [one] * 3
