"""Is a model what it says it is? Its digests, its self-test, and whether its own data and settings make it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from service.model.artifact import MANIFEST, Model
from service.model.tagger import Tagger
from training.corpus.stories import Corpus
from training.fitting.crossval import Say
from training.fitting.export import versions
from training.fitting.fit import Settings
from training.train import Trained, train

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Remade:
    """What came of making a model again.

    differences: everything that is not as it should be, one line each. elsewhere: how libraries and machine differ from those that the
    model was made with, one line each; where any do, weights are held to 1e-6 instead of files to the byte.
    """

    differences: tuple[str, ...]
    elsewhere: tuple[str, ...]


def check(model: Model) -> list[str]:
    """Test a model that was read (and so has its digests checked): lines for a person. Raises ArtifactError."""
    Tagger(model).self_test()
    count = len(model.manifest["files"])
    return [f"model {model.name}", f"digests of {count} files agree with the manifest", "self-test passed"]


def remake(model: Model, corpus: Corpus, test: Corpus | None = None, say: Say = lambda line: None) -> Remade:
    """Train again with the recorded settings and compare.

    test: the stories that the model was measured on when it was made, if it was. Raises ModelError when these or the corpus are others than
    the recorded ones, or the settings cannot be used.
    """
    settings = Settings.from_json(model.manifest["settings"])
    _refuse_other_data("corpus", model.manifest["corpus"]["fingerprint"], corpus)
    _refuse_other_test(model, test)
    trained = train(corpus, settings, test=test, say=say)
    elsewhere = tuple(_elsewhere(model.manifest["versions"], versions()))
    return Remade(tuple(_unlike(model, trained) if elsewhere else _other_bytes(model, trained)), elsewhere)


def _refuse_other_data(what: str, recorded: str, corpus: Corpus) -> None:
    if recorded != corpus.fingerprint:
        raise ModelError(
            f"the {what} has the fingerprint {corpus.fingerprint}, but the model was made with {recorded}: "
            "other stories, labels, scheme (labels.json) or lexicon (lexicon.txt); give what it was made with"
        )


def _refuse_other_test(model: Model, test: Corpus | None) -> None:
    measured = model.metrics().get("test")
    if test is not None and measured is None:
        raise ModelError("the model was made without a test set; leave --test out")
    if test is None and measured is not None:
        raise ModelError(f"the model was measured on a test set (fingerprint {measured['data']}) when it was made; give it with --test")
    if test is not None and measured is not None:
        _refuse_other_data("test set", measured["data"], test)


def _elsewhere(recorded: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*recorded, *here]):
        if recorded.get(name) != here.get(name):
            yield f"{name}: made with {recorded.get(name, 'none')}, here {here.get(name, 'none')}"


def _other_bytes(model: Model, trained: Trained) -> Iterator[str]:
    contents = trained.contents()
    for name in sorted({MANIFEST, *model.manifest["files"], *contents}):
        if _bytes(model, name) != contents.get(name):
            yield f"{name}: other bytes"


def _bytes(model: Model, name: str) -> bytes | None:
    path = model.folder / name if model.folder else None
    return path.read_bytes() if path and path.is_file() else None


def _unlike(model: Model, trained: Trained) -> Iterator[str]:
    """Compare what decides every tag: the n-grams exactly; weights, bias and thresholds to 1e-6."""
    if tuple(model.terms()) != trained.terms or not np.array_equal(model.tokens.table, trained.arrays["table"]):
        yield "n-grams: others, or in another order"
    limits = [np.array(list(thresholds.values())) for thresholds in (model.thresholds, trained.manifest["thresholds"])]
    pairs = {"weights": (model.weights, trained.arrays["weights"]), "bias": (model.bias, trained.arrays["bias"]), "thresholds": limits}
    for name, (old, new) in pairs.items():
        yield from _too_far(name, old, new)


def _too_far(name: str, old: NDArray[Any], new: NDArray[Any]) -> Iterator[str]:
    if old.shape != new.shape:
        yield f"{name}: {old.shape} before, {new.shape} now"
    elif old.size and not np.allclose(old, new, rtol=0, atol=TOLERANCE):
        yield f"{name}: up to {np.abs(old - new).max():.2g} apart"
