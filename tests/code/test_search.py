"""Settings: given ones are kept, the others are searched, and an interrupted search goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import ConflictError
from training.corpus.stories import Corpus
from training.evaluation.metrics import average_precision
from training.fitting import search as module
from training.fitting.crossval import cross_validate
from training.fitting.fit import Settings
from training.fitting.prepare import prepare
from training.fitting.search import Search, sample, score_path
from training.fitting.settings import CHOICES, read_settings, settings_from
from training.fitting.split import folds

FIXED = {"naive_bayes": 0.3, "balanced": False, "min_df": 2, "class_factor": 2.0}


def search(corpus: Corpus, log: Path | None = None, seconds: float = 600, **given: object) -> Search:
    return Search(corpus, given, seconds, log, lambda line: None)


def test_the_fast_path_scores_as_cross_validation_by_the_served_scorer_does(small_corpus: Corpus) -> None:
    """Warm starts and shared features must not change what a candidate is worth."""
    settings = Settings(C=10.0, naive_bayes=0.3)
    fold_of = folds(small_corpus, settings.folds, settings.seed)
    [_, fast] = score_path(prepare(small_corpus, settings), fold_of, [replace(settings, C=3.0), settings])
    scores = cross_validate(prepare(small_corpus, settings), lambda line: None)
    columns = zip(small_corpus.targets.T, scores.decisions.T, strict=True)
    assert fast == pytest.approx(np.mean([average_precision(*pair) for pair in columns]), abs=0.003)


def test_only_what_is_not_given_is_searched(small_corpus: Corpus) -> None:
    best, tried = search(small_corpus, **FIXED).run(settings_from(FIXED))
    assert {candidate.settings.naive_bayes for candidate in tried} == {0.3}
    assert len({candidate.settings.C for candidate in tried}) == len(tried) > 1
    assert best == max(tried, key=lambda candidate: candidate.score).settings
    but_one = {name: value for name, value in {**FIXED, "C": 30.0}.items() if name != "min_df"}
    _, tried = search(small_corpus, **but_one).run(settings_from(but_one))
    assert {candidate.settings.min_df for candidate in tried} == set(CHOICES["min_df"])
    everything = {**FIXED, "C": 30.0}
    assert search(small_corpus, **everything).run(settings_from(everything)) == (settings_from(everything), [])


def test_an_interrupted_search_goes_on_where_it_was(small_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.jsonl"
    whole = search(small_corpus, log, **FIXED).run(settings_from(FIXED))
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines) + '\n{"corpus": "cut')
    monkeypatch.setattr(module, "score_path", lambda *_: pytest.fail("a candidate that was tried is tried again"))
    assert search(small_corpus, log, **FIXED).run(settings_from(FIXED)) == whole


def test_another_corpus_takes_nothing_from_the_log(small_corpus: Corpus, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"corpus": "another", "key": "{}", "score": 1.0}) + "\n")
    _, tried = search(small_corpus, log, **FIXED).run(settings_from(FIXED))
    assert all(candidate.score < 1.0 for candidate in tried)


def test_when_the_budget_is_spent_the_best_so_far_is_taken(small_corpus: Corpus) -> None:
    best, tried = search(small_corpus, seconds=0).run(Settings())
    assert len(tried) == len(module.CHOICES["C"])
    assert best in [candidate.settings for candidate in tried]


def test_a_large_corpus_is_sampled(small_corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STORIES", 100)
    assert 50 <= len(sample(small_corpus).rows) <= 100
    monkeypatch.setattr(module, "MOST_STORIES", 10_000)
    assert sample(small_corpus) is small_corpus


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([], "must be an object"),
        ({"c": 1}, "unknown setting 'c'"),
        ({"C": "much"}, "C: 'much' is not usable"),
        ({"min_df": 2.5}, "min_df: 2.5 is not usable"),
        ({"folds": True}, "folds: True is not usable"),
        ({"C": -1}, "C: -1 is not usable"),
        ({"balanced": 1}, "balanced: 1 is not usable"),
        ({"stop_words": "the"}, "stop_words: 'the' is not usable"),
    ],
)
def test_unusable_settings_are_refused(tmp_path: Path, given: object, fault: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(given))
    with pytest.raises(ConflictError, match=fault):
        read_settings(path)


def test_settings_not_given_have_their_defaults(tmp_path: Path) -> None:
    assert settings_from(read_settings(tmp_path / "none.json")) == Settings()
    (tmp_path / "settings.json").write_text('{"C": 3, "stop_words": ["the"], "target": "precision=0.9"}')
    assert settings_from(read_settings(tmp_path / "settings.json")) == Settings(C=3, stop_words=("the",), target="precision=0.9")
