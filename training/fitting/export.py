"""A fitted model, laid out as the artifact holds it."""

from __future__ import annotations

import platform
import unicodedata
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.model import artifact, kernel
from service.model.artifact import Model
from service.model.table import make_table
from service.model.tagger import Tagger
from training.fitting.fit import HASH_SEED, Fitted
from training.fitting.prepare import Prepared

LIBRARIES = ("conflict-tagger", "numpy", "scipy", "scikit-learn", "matplotlib")
SELF_TEST_TERMS = 5
Arrays = dict[str, NDArray[Any]]


def arrays_of(prepared: Prepared, fitted: Fitted) -> Arrays:
    """Make the arrays that `service.model.artifact.Model` describes."""
    rule, hashes = prepared.rule, prepared.counts.hashes
    coefficients, bias = fitted.weights()
    idf = fitted.tfidf.idf_
    own = rule.table[rule.table[:, 0] != 0]
    own = own[np.argsort(own[:, 0])]
    keys = np.union1d(hashes, own[:, 0])
    rows = kernel.lookup(rule.table, keys)
    rows[np.searchsorted(keys, hashes)] = np.arange(len(hashes))
    classes = np.zeros(len(keys), np.int64)
    classes[np.searchsorted(keys, own[:, 0])] = own[:, 1] >> kernel.HALF
    order = np.argsort(np.where(rows < 0, len(hashes), rows), kind="stable")
    weights = np.zeros((len(idf), artifact.lanes(len(bias))))
    weights[:, 0], weights[:, 1 : 1 + len(bias)] = idf, coefficients * idf[:, None]
    fold = {f"fold_{name}": array for name, array in rule.fold._asdict().items()}
    return {"table": make_table(keys[order], rows[order], classes[order]), "weights": weights, "bias": bias, **fold}


def describe(prepared: Prepared) -> dict[str, Any]:
    """Write the manifest of a model that has no thresholds of its own yet."""
    corpus, settings = prepared.corpus, prepared.settings
    return {
        "format": artifact.FORMAT,
        "name": "unnamed",
        "labels": corpus.labels.to_json(),
        "thresholds": dict.fromkeys(corpus.labels.topics, 0.5),
        "calibration": {},
        "review": {
            "bands": dict.fromkeys(corpus.labels.topics, (0.5, 0.5)),
            "tones": dict.fromkeys(corpus.labels.tones, 0.5),
            "coverage": 0.0,
        },
        "settings": {**settings.to_json(), HASH_SEED: prepared.rule.seed},
        "classes": list(prepared.rule.classes),
        "corpus": {"fingerprint": corpus.fingerprint, "stories": len(corpus.rows), "counts": corpus.counts()},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Say what decides the last bits of a model folder: libraries, Unicode, and the kernels that linear algebra picks on this processor."""
    from threadpoolctl import threadpool_info

    kernels = sorted({str(pool["architecture"]) for pool in threadpool_info() if pool.get("architecture")})
    libraries = {name: version(name) for name in LIBRARIES}
    return {**libraries, "unicode": unicodedata.unidata_version, "machine": " ".join([platform.machine(), *kernels])}


def name_of(manifest: dict[str, Any], arrays: Arrays) -> str:
    """Name a model by what it was made from and what it became: the heads of the digests of corpus and weights."""
    return f"{manifest['corpus']['fingerprint'][:8]}-{artifact.digest(arrays['weights'].tobytes())[:8]}"


def self_test(model: Model, terms: tuple[str, ...]) -> dict[str, Any]:
    """Make a text of the heaviest terms and note its decision scores, so that every machine that loads the model can check itself."""
    heaviest = np.argsort(-np.abs(model.label_weights), axis=0, kind="stable")[:SELF_TEST_TERMS].ravel()
    text = " ".join(terms[row] for row in heaviest)
    return {"text": text, "decisions": Tagger(model).score([text]).decisions[0].tolist()}
