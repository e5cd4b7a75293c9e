"""The model card: what a model is for, what it was made from, how good it is, where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.signature import signature_line
from training.report.terms import heaviest_terms

HEAVIEST = 15


def write(manifest: Mapping[str, Any], metrics: Mapping[str, Any], weights: NDArray[np.float64], terms: Sequence[str]) -> str:
    """Write the card in Markdown. `weights` is the artifact's array, a row a term: idf, then a column a label."""
    labels = [name for head in manifest["labels"].values() for name in head]
    sections = [
        _what(manifest),
        _data(manifest),
        *(_figures(name, part) for name, part in metrics.items()),
        _terms(labels, weights, terms),
        LIMITS,
        _again(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _what(manifest: Mapping[str, Any]) -> str:
    heads = {"topics": "Topics (any, or none)", "tone": "Tone (one of)"}
    lines = [f"# Model {manifest['name']}", "", "Tags news stories by a linear model over TF-IDF weighted words and word pairs.", ""]
    for head, labels in manifest["labels"].items():
        lines += [f"{heads[head]}:", "", *(f"- `{name}`: {definition}" for name, definition in labels.items()), ""]
    return "\n".join(lines).rstrip()


def _data(manifest: Mapping[str, Any]) -> str:
    corpus = manifest["corpus"]
    counts = ", ".join(f"{label} {count}" for label, count in corpus["counts"].items())
    return f"## Data\n\n{corpus['stories']} labelled stories, fingerprint `{corpus['fingerprint'][:16]}`. Under each label: {counts}."


def _figures(name: str, figures: Mapping[str, Any]) -> str:
    title = {"cross_validation": "Figures from cross-validation on the training corpus", "test": "Figures on a test set"}[name]
    lines = [
        f"## {title}",
        "",
        "| label | precision | recall | F1 (95 % interval) | average precision | Brier | calibration error | stories |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label, row in figures["labels"].items():
        low, high = row["f1_interval"]
        shown = f"{row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} ({low:.3f} to {high:.3f}) | {row['average_precision']:.3f}"
        lines.append(f"| {label} | {shown} | {row['brier']:.3f} | {row['calibration_error']:.3f} | {row['support']} |")
    return "\n".join([*lines, *_reliance(figures), "", f"Signature: {signature_line(figures['signature'])}."])


def _reliance(figures: Mapping[str, Any]) -> list[str]:
    """Say how far probabilities and review flags can be relied on."""
    if not figures["labels"]:
        return []
    worst = max(figures["labels"], key=lambda label: float(figures["labels"][label]["calibration_error"]))
    error, found = figures["labels"][worst]["calibration_error"], figures["abstaining"]["stories"]
    return [
        "",
        f"Calibration: probabilities are off by {error:.3f} on average for `{worst}`, by less or as much for the other labels.",
        f"Review: {found['flagged']:.1%} of the stories are flagged; any label is wrong in {found['error_flagged']:.1%} of these and in "
        f"{found['error_unflagged']:.1%} of the others.",
    ]


def _terms(labels: Sequence[str], weights: NDArray[np.float64], terms: Sequence[str]) -> str:
    lines = ["## Heaviest terms", ""]
    for label, found in heaviest_terms(labels, weights, terms, HEAVIEST).items():
        towards, against = (", ".join(name for name, _ in side) for side in (found.towards, found.against))
        lines += [f"- **{label}** for: {towards}; against: {against}"]
    return "\n".join([*lines, "", "A name in brackets is a class of words of the lexicon; `report.html` gives examples."])


LIMITS = """## Limits

- Cross-validated figures say how well the model knows its own corpus. On news from elsewhere expect less; measure on stories of your own
  with `conflict-training evaluate`.
- The model reads words, not the world: irony, unnamed actors and facts that no word shows escape it. It reads English.
- Tags are for sorting and searching news. They are no verified record of events and no ground for decisions about people.
- Thresholds, probabilities and review flags were fitted to the mix of labels in the training corpus; where news have another mix, they
  are off. Measure, and set thresholds anew (`--target`), before leaning on them.
- A story without a known word gets no tags; look at `review` and `coverage` in each answer."""


def _again(manifest: Mapping[str, Any]) -> str:
    settings, versions = manifest["settings"], manifest["versions"]
    shown = ", ".join(f"{name} {len(value) if isinstance(value, list) else value}" for name, value in settings.items())
    made = ", ".join(f"{name} {value}" for name, value in versions.items())
    command = "`conflict-training train CORPUS --out FOLDER` on the same stories gives the same bytes"
    return f"## Make it again\n\n{command}. Settings: {shown}. Made with: {made}."
