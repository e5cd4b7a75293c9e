"""A comparison, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.evaluation.compare import Comparison, Flip, Paired

SHOWN = {True: "set", False: "not set", None: "none"}


def describe(comparison: Comparison, most_flips: int) -> str:
    """Lay the whole comparison out: sides, figures, flips, terms."""
    sides = [
        f"{name}  {side.folder}  {side.model}  {side.stories_per_second:,.0f} stories/s  {side.bytes / 1e6:.1f} MB"
        for name, side in (("old", comparison.old), ("new", comparison.new))
    ]
    parts = [sides, [table(comparison.paired)], list(_flips(comparison.paired, most_flips)), list(_terms(comparison.terms))]
    return "\n\n".join("\n".join(part) for part in parts if part)


def table(paired: Paired) -> str:
    """Lay the figures per label out."""
    lines = [f"data {paired.data[:12]}  {paired.stories} stories", *(f"caution: {caution}" for caution in paired.cautions), ""]
    lines.append(f"{'label':24}{'old F1':>8}{'new F1':>8}{'change':>8}  {'95 % interval':18}{'gains':>6}{'losses':>8}{'McNemar p':>11}")
    for label, row in paired.labels.items():
        low, high = row.interval
        shown = f"{row.old_f1:>8.3f}{row.new_f1:>8.3f}{row.difference:>+8.3f}  {f'{low:+.3f} to {high:+.3f}':18}"
        lines.append(f"{label:24}{shown}{row.gains:>6}{row.losses:>8}{row.p:>11.2g}  {row.verdict}".rstrip())
    return "\n".join(lines)


def _flips(paired: Paired, most: int) -> Iterator[str]:
    shown = paired.flips[:most]
    yield f"{len(paired.flips)} tags flip" + (f"; {len(shown)} shown, losses first" if len(shown) < len(paired.flips) else "")
    yield from (f"  {flip.id}  {flip.label}  {_said(flip.old)} -> {_said(flip.new)}  {_outcome(flip)}" for flip in shown)


def _said(tag: bool | str | None) -> str:
    return tag if isinstance(tag, str) else SHOWN[tag]


def _outcome(flip: Flip) -> str:
    mark = "right" if flip.new == flip.truth else "wrong"
    return f"truth {_said(flip.truth)}: now {mark}"


def _terms(terms: Mapping[str, Any]) -> Iterator[str]:
    if any(terms.values()):
        yield "terms that moved most"
    for label, moves in terms.items():
        if moves:
            yield f"  {label}: " + ", ".join(f"{moved.term} {moved.old:+.2f} -> {moved.new:+.2f}" for moved in moves)
