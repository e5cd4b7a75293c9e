"""The served scorer, against the very scikit-learn estimators that it was made from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from service.model import artifact
from service.model.evidence import contributions
from service.model.fold import fold_text
from service.model.story import Story
from service.model.tagger import Tagger
from training.corpus.stories import Corpus
from training.fitting.export import arrays_of, describe
from training.fitting.fit import Fitted, Settings, scaled
from training.fitting.prepare import Prepared, prepare
from training.train import Trained

STRANGE = ["", "zzqq", "\x00", "border " * 5000, "BORDER clash\ud800", "x" * 200_000, "killed\u0301 in a border-clash; UN talks, UN talks"]
SETTINGS = [
    Settings(),
    Settings(ngrams=1, min_df=1, naive_bayes=0.6, balanced=True),
    Settings(ngrams=3, min_df=3, C=1.0, class_factor=0.5, stop_words=("the", "of", "and")),
]


def analyzer(settings: Settings, lexicon: Mapping[str, str]) -> Callable[[str], list[str]]:
    """Make the token rule anew, from the standard library's and scikit-learn's parts only."""
    words = CountVectorizer(
        lowercase=False,
        preprocessor=fold_text,
        token_pattern=r"[^\W_]{2,}",
        ngram_range=(1, settings.ngrams),
        stop_words=list(settings.stop_words) or None,
    )
    tokens, ngrams = words.build_tokenizer(), words.build_analyzer()

    def analyze(text: str) -> list[str]:
        classes = [f"[{lexicon[word]}]" for word in tokens(fold_text(text)) if word in lexicon and word not in settings.stop_words]
        return [*ngrams(text), *classes, *(f"{first} {second}" for first, second in pairwise(classes))]

    return analyze


def oracle_decisions(prepared: Prepared, fitted: Fitted, texts: list[str]) -> np.ndarray:
    """Decision scores by scikit-learn alone: CountVectorizer, TfidfTransformer, the scale, and the classifiers."""
    analyze = analyzer(prepared.settings, prepared.corpus.lexicon)
    vectorizer = CountVectorizer(analyzer=analyze, vocabulary=list(prepared.counts.terms))
    features = fitted.tfidf.transform(vectorizer.transform(texts))
    heads = [*fitted.topics, *([fitted.tone] if fitted.tone else [])]
    return np.column_stack([head.classifier.decision_function(features.multiply(head.scale).tocsr()) for head in heads])


def oracle(prepared: Prepared, fitted: Fitted, texts: list[str]) -> np.ndarray:
    """Uncalibrated probabilities by scikit-learn alone."""
    analyze = analyzer(prepared.settings, prepared.corpus.lexicon)
    vectorizer = CountVectorizer(analyzer=analyze, vocabulary=list(prepared.counts.terms))
    features = fitted.tfidf.transform(vectorizer.transform(texts))
    heads = [*fitted.topics, *([fitted.tone] if fitted.tone else [])]
    given_ = [head.classifier.predict_proba(features.multiply(head.scale).tocsr()) for head in heads]
    return np.column_stack(
        [part[:, 1:] if part.shape[1] == 2 and head is not fitted.tone else part for head, part in zip(heads, given_, strict=True)]
    )


@pytest.mark.parametrize("chosen", SETTINGS, ids=["default", "words only, scaled", "triples without stop words"])
def test_probabilities_equal_scikit_learns(small_corpus: Corpus, shipped_corpus: Corpus, chosen: Settings) -> None:
    prepared = prepare(small_corpus, chosen)
    fitted = prepared.fit()
    tagger = Tagger(artifact.in_memory(describe(prepared), arrays_of(prepared, fitted)))
    texts = [*shipped_corpus.texts[:400], *STRANGE]
    expected = oracle(prepared, fitted, texts)
    np.testing.assert_allclose(tagger.score(texts).probabilities, expected, rtol=0, atol=1e-9)


def test_counts_equal_scikit_learns_own_on_the_corpus(small_corpus: Corpus) -> None:
    prepared = prepare(small_corpus, Settings())
    vectorizer = CountVectorizer(analyzer=analyzer(Settings(), small_corpus.lexicon), min_df=2, dtype=np.float64)
    expected = vectorizer.fit_transform(small_corpus.texts)
    assert sorted(prepared.counts.terms) == list(vectorizer.get_feature_names_out())
    order = [vectorizer.vocabulary_[term] for term in prepared.counts.terms]
    assert (expected[:, order] != prepared.counts.matrix).nnz == 0


def test_two_tones_are_scored_like_three(shipped_corpus: Corpus) -> None:
    """scikit-learn keeps one column for two classes; the model keeps two."""
    tones = {tone: text for tone, text in shipped_corpus.labels.tones.items() if tone != "conciliatory"}
    scheme = type(shipped_corpus.labels)({}, tones)
    corpus = Corpus(scheme, tuple(row for row in shipped_corpus.rows[::8] if row.tone in tones), shipped_corpus.lexicon)
    prepared = prepare(corpus, Settings())
    fitted = prepared.fit()
    tagger = Tagger(artifact.in_memory(describe(prepared), arrays_of(prepared, fitted)))
    features = scaled(fitted.tfidf.transform(prepared.counts.matrix), fitted.tone.scale)
    np.testing.assert_allclose(tagger.score(corpus.texts).probabilities, fitted.tone.classifier.predict_proba(features), rtol=0, atol=1e-9)


words = st.sampled_from(["border", "Border-Clash", "KILLED", "talks", "UN", "peace\u0301", "nonsenseword", "\n", "…", "ﬁre"])
texts = st.one_of(st.text(max_size=300), st.lists(words, max_size=60).map(" ".join))


@settings(max_examples=200)
@given(title=texts, text=texts)
def test_bias_and_all_contributions_add_up_to_the_score(small_tagger: Tagger, title: str, text: str) -> None:
    story = Story(title=title, text=text)
    parts = contributions(small_tagger.model, story)
    summed = small_tagger.model.bias + parts.weights.sum(axis=0)
    np.testing.assert_allclose(summed, small_tagger.score([story.joined]).decisions[0], rtol=0, atol=1e-9)


def test_a_long_story_among_short_ones_changes_none_of_them(small_tagger: Tagger, small_corpus: Corpus) -> None:
    texts = small_corpus.texts[:20]
    alone = np.vstack([small_tagger.score([text]).decisions for text in texts])
    with_long = small_tagger.score([*texts, "border talks " * 100_000]).decisions[:-1]
    np.testing.assert_array_equal(alone, with_long)


def test_threads_that_share_a_tagger_get_the_answers_of_one(small_tagger: Tagger, small_corpus: Corpus) -> None:
    expected = small_tagger.score(small_corpus.texts).decisions
    results: list[np.ndarray] = []

    def work() -> None:
        results.extend(small_tagger.score(small_corpus.texts).decisions for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(np.array_equal(result, expected) for result in results)


def test_training_leaves_a_self_test_that_passes_and_notices_other_weights(small_trained: Trained, small_tagger: Tagger) -> None:
    small_tagger.self_test()
    weights = small_trained.arrays["weights"] * np.array([1.0, *[1.001] * (small_trained.arrays["weights"].shape[1] - 1)])
    arrays = {**small_trained.arrays, "weights": weights}
    with pytest.raises(artifact.ArtifactError, match="self-test"):
        Tagger(artifact.in_memory(small_trained.manifest, arrays)).self_test()
