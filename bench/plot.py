"""The plot: checks a second as bars, a row per subject, a bar per database. Opaque, for light and dark pages alike."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bench.subjects import DAYPASS, NOTHING, PEER
from bench.targets import per_second
from bench.workspace import DATABASES, POSTGRESQL, SQLITE

INK, FAINT, PAPER = "#1f2933", "#7b8794", "#ffffff"
COLOURS = {
    (NOTHING, ""): "#c3cbd4",
    (DAYPASS, SQLITE): "#0b6e4f",
    (DAYPASS, POSTGRESQL): "#3fa17c",
    (PEER, SQLITE): "#b0623a",
    (PEER, POSTGRESQL): "#dba27f",
}
BAR = 0.36
GAPS = {NOTHING: 0.0, DAYPASS: 0.35, PEER: 0.7}
"""What a group is moved down by."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "daypass",  # the same figures make the same file
    "svg.fonttype": "path",
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
}


def draw(found: dict[str, Any], facts: dict[str, str], path: Path) -> None:
    """Write the comparison's plot to `path`."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in found.values():
        rows.setdefault(each["key"], []).append(each)
    ordered = sorted(rows.values(), key=lambda row: (list(GAPS).index(row[0]["group"]), -max(map(per_second, row))))
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(10, 6.2), facecolor=PAPER)
        for place, row in enumerate(ordered):
            _draw_row(axes, place + GAPS[row[0]["group"]], row)
        _style_axes(axes, max(per_second(each) for each in found.values()))
        _caption(axes, facts)
        figure.tight_layout(rect=(0, 0, 1, 0.9))
        figure.savefig(path, facecolor=PAPER, metadata={"Date": None})
        pyplot.close(figure)


def _draw_row(axes: Axes, y: float, row: list[dict[str, Any]]) -> None:
    ours = row[0]["group"] == DAYPASS
    for place, each in enumerate(sorted(row, key=lambda each: [*DATABASES, ""].index(each["database"]))):
        shift = 0.0 if len(row) == 1 else (place - 0.5) * BAR
        value = per_second(each)
        axes.barh(y + shift, value, BAR * 0.94, color=COLOURS[each["group"], each["database"]], zorder=2)
        axes.annotate(
            f"{value:,.0f}",
            (value, y + shift),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            weight="bold" if ours else "normal",
        )
    axes.annotate(
        row[0]["label"],
        (0, y),
        xycoords=("axes fraction", "data"),
        xytext=(-10, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        weight="bold" if ours else "normal",
    )


def _style_axes(axes: Axes, most: float) -> None:
    axes.set_xlim(0, most * 1.1)
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="x", color="#e4e7eb", linewidth=0.8, zorder=0)
    axes.tick_params(length=0)
    axes.set_xlabel("answers a second (one worker, more is better)")
    for side in axes.spines.values():
        side.set_visible(False)


def _caption(axes: Axes, facts: dict[str, str]) -> None:
    figure = axes.figure
    figure.text(0.02, 0.955, "Is this token good, and whose is it?", fontsize=15, weight="bold")
    cores = facts["cores"].partition(",")[0]
    server = f"granian {facts['granian']}, one worker, {cores} cores shared with the load"
    conditions = f"The same server for all ({server}), the same number of users and tokens (100,000 each)"
    figure.text(0.02, 0.917, conditions, fontsize=9.5, color=FAINT)
    axes.legend(handles=list(_legend()), loc="lower right", frameon=False, fontsize=9.5)


def _legend() -> Iterable[Patch]:
    for (group, database), colour in COLOURS.items():
        label = {NOTHING: "does nothing", DAYPASS: f"Daypass on {database}", PEER: f"peers on {database}"}[group]
        yield Patch(color=colour, label=label)
