"""Under what conditions figures were measured; figures whose signatures differ otherwise than in the model may not be compared."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from service.model.artifact import FORMAT, Model
from training.corpus.stories import Corpus
from training.evaluation.bootstrap import RESAMPLES, SEED

LIBRARIES = ("conflict-tagger", "numpy", "scikit-learn")


def signature(model: Model, corpus: Corpus) -> dict[str, Any]:
    """Name data, model, format, bootstrap and versions."""
    return {
        "data": corpus.fingerprint,
        "stories": len(corpus.rows),
        "model": model.name,
        "format": FORMAT,
        "bootstrap": {"samples": RESAMPLES, "seed": SEED},
        "versions": {name: version(name) for name in LIBRARIES},
    }


def signature_line(signed: Mapping[str, Any]) -> str:
    """Lay a signature out in one line."""
    versions = ", ".join(f"{name} {number}" for name, number in signed["versions"].items())
    bootstrap = f"bootstrap {signed['bootstrap']['samples']} seed {signed['bootstrap']['seed']}"
    head = f"data {signed['data'][:16]}, {signed['stories']} stories, model {signed['model']}, format {signed['format']}"
    return f"{head}, {bootstrap}, {versions}"
