"""Figures laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.evaluation.signature import signature_line

HEADS = ("topics_macro_f1", "topics_micro_f1", "topics_example_f1", "tone_macro_f1", "tone_accuracy")
COLUMNS = (("average_precision", "AP"), ("brier", "Brier"), ("log_loss", "log loss"), ("calibration_error", "ECE"))
SHARES = (0.5, 0.8, 0.9, 1.0)


def table(figures: Mapping[str, Any]) -> str:
    """Lay figures out for a terminal."""
    sections = (_heads, _labels, _confusion, _abstaining, _slices, _leakage)
    blocks = [list(section(figures)) for section in sections]
    return "\n".join([*(line for block in blocks if block for line in (*block, "")), f"signature: {signature_line(figures['signature'])}"])


def head_names(figures: Mapping[str, Any]) -> list[str]:
    """Name the figures over whole heads that are there, in order."""
    return [name for name in HEADS if name in figures]


def _heads(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"model {figures['model']}  data {figures['data'][:12]}  {figures['stories']} stories"
    for name in head_names(figures):
        low, high = figures["intervals"][name]
        yield f"{name.replace('_', ' '):24}{figures[name]:.3f}  ({low:.3f} to {high:.3f})"


def _labels(figures: Mapping[str, Any]) -> Iterator[str]:
    if figures["labels"]:
        more = "".join(f"{title:>10}" for _, title in COLUMNS)
        yield f"{'label':24}{'precision':>10}{'recall':>8}{'F1':>8}  {'95 % interval':16}{more}{'support':>9}"
    for label, row in figures["labels"].items():
        low, high = row["f1_interval"]
        shown = f"{row['precision']:>10.3f}{row['recall']:>8.3f}{row['f1']:>8.3f}  {f'{low:.3f} to {high:.3f}':16}"
        yield f"{label:24}{shown}{''.join(f'{row[name]:>10.3f}' for name, _ in COLUMNS)}{row['support']:>9}"


def _confusion(figures: Mapping[str, Any]) -> Iterator[str]:
    if "confusion" not in figures:
        return
    tones = figures["confusion"]["tones"]
    yield f"{'true tone':24}" + "".join(f"{'as ' + tone:>16}" for tone in tones) + f"{'untagged':>10}"
    for tone, row, untagged in zip(tones, figures["confusion"]["counts"], figures["confusion"]["untagged"], strict=True):
        yield f"{tone:24}" + "".join(f"{count:>16}" for count in row) + f"{untagged:>10}"


def _abstaining(figures: Mapping[str, Any]) -> Iterator[str]:
    found = figures["abstaining"]
    if not found:
        return
    shares = "".join(f"{f'surest {share:.0%}':>14}" for share in SHARES)
    yield f"{'errors when abstaining':24}{shares}{'flagged':>10}{'error there':>13}{'elsewhere':>11}"
    for name, row in {**found["labels"], "any label of a story": found["stories"]}.items():
        points = dict(zip(found["coverage"], row["error_by_coverage"], strict=True))
        errors = "".join(f"{points[share]:>14.1%}" for share in SHARES)
        yield f"{name:24}{errors}{row['flagged']:>10.1%}{row['error_flagged']:>13.1%}{row['error_unflagged']:>11.1%}"


def _slices(figures: Mapping[str, Any]) -> Iterator[str]:
    columns = [name for name in head_names(figures) if name != "topics_example_f1"]
    for number, (title, parts) in enumerate(figures["slices"].items()):
        if number:
            yield ""
        yield f"{'by ' + title:24}{'stories':>8}" + "".join(f"{name.replace('_', ' '):>18}" for name in columns)
        yield from (f"{part:24}{row['stories']:>8}" + "".join(f"{row[name]:>18.3f}" for name in columns) for part, row in parts.items())


def _leakage(figures: Mapping[str, Any]) -> Iterator[str]:
    if "leakage" not in figures:
        return
    found = figures["leakage"]
    yield f"leakage: {found['stories']} of {figures['stories']} stories have a near-duplicate in the training corpus"
    yield from (f"  {pair['story']}  {pair['learnt']}  {pair['similarity']:.2f}" for pair in found["closest"])
