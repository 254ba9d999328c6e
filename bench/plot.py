"""The plot: answers a second as dots, a row per subject. Opaque, for light and dark pages alike.

The scale is logarithmic, so that subjects that differ a hundredfold can be read on it, and applications that do nothing
leave room for the others. Dots, because the length of a bar would mean nothing on such a scale.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.subjects import DAYPASS, NOTHING, PEER
from bench.targets import per_second
from bench.workspace import DATABASES, POSTGRESQL, SQLITE

INK, FAINT, PAPER, LINE = "#1f2933", "#7b8794", "#ffffff", "#e4e7eb"
COLOURS = {
    (DAYPASS, SQLITE): "#0b6e4f",
    (DAYPASS, POSTGRESQL): "#3fa17c",
    (PEER, SQLITE): "#b0623a",
    (PEER, POSTGRESQL): "#dba27f",
    (NOTHING, ""): "#9aa5b1",
}
ORDER = (DAYPASS, PEER, NOTHING)
PANELS = (("comparison", "Is this token good, and whose is it?"), ("introspection", "Introspection (RFC 7662)"))
HEAD, GAP, ROW_INCHES = 1.0, 0.6, 0.36
"""Rows of room for a panel's title and after it; height of a row."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "daypass",  # the same figures make the same file
    "svg.fonttype": "path",
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
}

Row = list[dict[str, Any]]


def draw(sections: dict[str, dict[str, Any]], facts: dict[str, str], path: Path) -> None:
    """Write the plot of the comparisons to `path`."""
    panels = [
        (title, list(_rows(sections[name], floors=name == PANELS[0][0]))) for name, title in PANELS if name in sections
    ]
    height = sum(HEAD + len(rows) + GAP for _, rows in panels) - GAP
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(10, height * ROW_INCHES + 1.2), facecolor=PAPER)
        place = 0.0
        for title, rows in panels:
            axes.annotate(title, (0, place), xycoords=("figure fraction", "data"), xytext=(14, 0),
                          textcoords="offset points", va="center", fontsize=13, weight="bold",
                          bbox={"facecolor": PAPER, "edgecolor": PAPER})  # fmt: skip
            axes.annotate(" · ".join(DATABASES), (1, place), xycoords=("axes fraction", "data"), xytext=(10, 0),
                          textcoords="offset points", va="center", fontsize=9, color=FAINT)  # fmt: skip
            for number, row in enumerate(rows):
                _draw_row(axes, place + HEAD + number, row)
            place += HEAD + len(rows) + GAP
        _style_axes(axes, [per_second(each) for _, rows in panels for row in rows for each in row], height)
        _caption(axes, facts)
        figure.tight_layout(rect=(0, 0.045, 1, 1))
        figure.savefig(path, facecolor=PAPER, metadata={"Date": None})
        pyplot.close(figure)


def _rows(found: dict[str, Any], *, floors: bool) -> Iterable[Row]:
    """The figures of one subject on its databases; Daypass first, and if it is shown, what does nothing last."""
    rows: dict[str, Row] = {}
    for each in (each for each in found.values() if floors or each["group"] != NOTHING):
        rows.setdefault(each["key"], []).append(each)
    return sorted(rows.values(), key=lambda row: (ORDER.index(row[0]["group"]), -max(map(per_second, row))))


def _draw_row(axes: Axes, y: float, row: Row) -> None:
    weight = "bold" if row[0]["group"] == DAYPASS else "normal"
    ordered = sorted(row, key=lambda each: [*DATABASES, ""].index(each["database"]))
    axes.axhline(y, color=LINE, linewidth=0.8, zorder=0)
    for each in ordered:
        axes.plot(per_second(each), y, "o", markersize=9, color=COLOURS[each["group"], each["database"]], zorder=2)
    figures = " · ".join(f"{per_second(each):,.0f}" for each in ordered)
    for text, side, align in ((row[0]["label"], (0, -10), "right"), (figures, (1, 10), "left")):
        place, shift = side
        axes.annotate(text, (place, y), xycoords=("axes fraction", "data"), xytext=(shift, 0),
                      textcoords="offset points", ha=align, va="center", weight=weight)  # fmt: skip


def _style_axes(axes: Axes, values: list[float], height: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 1.3, max(values) * 1.3)
    axes.set_ylim(height - 0.4, -HEAD / 2)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="x", which="major", color="#cbd2d9", linewidth=0.8, zorder=0)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answers a second: each line is ten times as many as the one before", labelpad=8)
    for side in axes.spines.values():
        side.set_visible(False)


def _caption(axes: Axes, facts: dict[str, str]) -> None:
    cores = facts["cores"].partition(",")[0]
    conditions = (
        f"The same server for all (granian {facts['granian']}, one worker, {cores} cores shared with the load), "
        "the same number of users and tokens (100,000 each)"
    )
    axes.annotate(conditions, (0, 0), xycoords="figure fraction", xytext=(14, 8), textcoords="offset points",
                  fontsize=8.5, color=FAINT)  # fmt: skip
    axes.legend(handles=list(_legend()), loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=5, frameon=False,
                fontsize=9, columnspacing=1.2, handletextpad=0.2)  # fmt: skip


def _legend() -> Iterator[Line2D]:
    for (group, database), colour in COLOURS.items():
        label = {NOTHING: "does nothing", DAYPASS: f"Daypass, {database}", PEER: f"peers, {database}"}[group]
        yield Line2D([], [], marker="o", linestyle="", markersize=8, color=colour, label=label)
