"""Curves as SVG that stands inside a page and takes its colours from the page's style sheet. The same figures give the same bytes.

matplotlib draws with placeholder colours, which are then replaced by CSS variables, so that one drawing serves light and dark.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes"], None]
INK, FAINT = "#010101", "#020202"
LINES = ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
STYLES = ("-", "--", "-.", ":")
VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", **{line: f"var(--line-{number})" for number, line in enumerate(LINES, 1)}}
SIZE = (4.4, 3.5)
RULES: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
}


def precision_recall_plots(curves: Mapping[str, Any], labels: Sequence[str], name: str) -> list[Markup]:
    """Draw precision over recall, at most six labels a plot."""

    def lines(part: Sequence[str]) -> Draw:
        def draw(axes: Axes) -> None:
            for label, style in zip(part, _styles(), strict=False):
                found = curves[label]["precision_recall"]
                axes.plot(found["recall"], found["precision"], label=label, **style)
            axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
            axes.legend(loc="lower left")

        return draw

    return [svg(lines(part), f"{name} precision {part[0]}", f"Precision over recall: {', '.join(part)}") for part in _parts(labels)]


def reliability_plots(curves: Mapping[str, Any], labels: Sequence[str], name: str) -> list[Markup]:
    """Draw the share that was true over the probability that was given, at most six labels a plot."""

    def lines(part: Sequence[str]) -> Draw:
        def draw(axes: Axes) -> None:
            axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
            for label, style in zip(part, _styles(), strict=False):
                found = curves[label]["reliability"]
                axes.plot(found["predicted"], found["observed"], marker="o", markersize=3.5, label=label, **style)
            axes.set(xlabel="probability given", ylabel="share that was true", xlim=(0, 1.01), ylim=(0, 1.02))
            axes.legend(loc="upper left")

        return draw

    return [svg(lines(part), f"{name} reliability {part[0]}", f"Reliability: {', '.join(part)}") for part in _parts(labels)]


def abstaining_plot(abstaining: Mapping[str, Any], name: str) -> Markup:
    """Draw the share of stories with any wrong label over the share that is decided, the surest first."""

    def draw(axes: Axes) -> None:
        found = abstaining["stories"]
        coverage = [100 * share for share in abstaining["coverage"]]
        axes.plot(coverage, [100 * error for error in found["error_by_coverage"]], color=LINES[0], label="surest first")
        kept, error = 100 * (1 - found["flagged"]), 100 * found["error_unflagged"]
        axes.plot([kept], [error], "o", color=LINES[1], label="not flagged for review")
        axes.set(xlabel="stories decided, %", ylabel="of these, any label wrong, %", xlim=(0, 101))
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")

    return svg(draw, f"{name} abstaining", "Errors over the share of stories that is decided")


def learning_plot(points: Sequence[Mapping[str, float]]) -> Markup:
    """Draw figures over the number of training stories; a point is `stories` and figures by name."""
    names = [name for name in points[0] if name != "stories"]

    def draw(axes: Axes) -> None:
        for name, style in zip(names, _styles(), strict=False):
            axes.plot([point["stories"] for point in points], [point[name] for point in points], marker="o", label=name, **style)
        axes.set(xlabel="training stories", ylabel="figure")
        axes.legend(loc="lower right")

    return svg(draw, "learning", "Learning curve: figures over the number of training stories")


def svg(draw: Draw, salt: str, title: str) -> Markup:
    """Draw into an SVG element with a title; `salt` keeps the ids of plots on one page apart."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the browser has the letters that matplotlib's own font lacks
        mpl.rcdefaults()
        mpl.rcParams.update(RULES | {"svg.hashsalt": salt})
        figure = Figure(figsize=SIZE, layout="tight")
        draw(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Markup(_inlined(file.getvalue(), title))  # matplotlib has escaped the labels


def _inlined(drawing: str, title: str) -> str:
    """Take the svg element out of the file: ids that nothing refers to dropped, colours and fonts left to the page."""
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    body = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"', "", body).replace("xlink:href", "href")
    body = re.sub(r" font-family: [^;\"]*;", "", re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body))
    for placeholder, variable in VARIABLES.items():
        body = body.replace(placeholder, variable)
    width, height = (round(72 * inches, 1) for inches in SIZE)
    shown = Markup.escape(title)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{shown}"><title>{shown}</title>{body}'


def _styles() -> Any:
    return cycle([{"color": line, "linestyle": style} for line, style in zip(LINES, cycle(STYLES), strict=False)])


def _parts(labels: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(labels[start : start + len(LINES)]) for start in range(0, len(labels), len(LINES))]
