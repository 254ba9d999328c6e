"""Geometry of the charts. Not here: the elements (``admin_charts.html``) and colours (``daypass.css``).

Bars are SVG that stretches to the width of its place; words are HTML that doesn't.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
COLUMN = 10
"""The width of a column, its gap included."""

BAR, MARGIN = 7, 1.5
LEAST = 0.8
"""The length of the smallest bar, so that it is visible beside large ones."""

STEPS = 3
"""Of the scale, at most: so many lines besides that of zero."""

MARKS = 5
"""Labels under a chart: of the first and the last column, and of those between them at equal distances."""

METER, METER_GAP = 1000, 3


@dataclass(frozen=True)
class Column:
    """`description`: in words. `values`: of each colour of the chart, from below. `mark`: its label, if shown."""

    description: str
    values: tuple[int, ...]
    mark: str
    href: str = ""


@dataclass(frozen=True)
class Bar:
    """`colour`: from 1, the class of the style sheet."""

    colour: int
    x: float
    width: float
    y: float = 0
    height: float = 0


@dataclass(frozen=True)
class PlacedColumn:
    column: Column
    x: int
    bars: list[Bar]


@dataclass(frozen=True)
class ColumnChart:
    """`scale`: the labels of the lines, from above. `marks`: those under the columns, in order."""

    columns: list[PlacedColumn]
    lines: list[float]
    scale: list[str]
    marks: list[str]
    width: int
    height: int = HEIGHT


def place_columns(columns: Sequence[Column], colours: Sequence[int]) -> ColumnChart:
    """A chart with the values of each column stacked, in these colours."""
    highest = max((sum(column.values) for column in columns), default=0)
    step = _step(highest)
    steps = max(1, -(-highest // step))
    placed = [_place(column, index * COLUMN, HEIGHT / (step * steps), colours) for index, column in enumerate(columns)]
    lines = [round(HEIGHT * each / steps, 1) for each in range(steps + 1)]
    scale = [short(step * each) for each in range(steps, -1, -1)]
    last = len(columns) - 1
    marks = [columns[round(each * last / (MARKS - 1))].mark for each in range(MARKS)] if columns else []
    return ColumnChart(placed, lines, scale, marks, COLUMN * len(columns))


def place_meter(shares: Sequence[tuple[int, int]]) -> list[Bar]:
    """The shares of a whole side by side: of each its colour and its value, none of which is 0."""
    total, room, x = sum(value for _, value in shares), METER - METER_GAP * (len(shares) - 1), 0.0
    bars = []
    for colour, value in shares:
        width = max(METER_GAP, room * value / total)
        bars.append(Bar(colour, round(x, 1), round(width, 1)))
        x += width + METER_GAP
    return bars


def short(number: int) -> str:
    """A number with few digits, for an axis."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            unit = 1000 if letter == "k" else size
            return f"{number / unit:.4g}{letter}"
    return f"{number:,}"


def _place(column: Column, x: int, scale: float, colours: Sequence[int]) -> PlacedColumn:
    bars, reached = [], float(HEIGHT)
    for colour, value in zip(colours, column.values, strict=True):
        if value:
            length = max(LEAST, value * scale)
            reached -= length
            bars.append(Bar(colour, x + MARGIN, BAR, round(reached, 1), round(length, 1)))
    return PlacedColumn(column, x, bars)


def _step(highest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20 … of which at most STEPS reach it."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * STEPS >= highest:
                return step
        size *= 10
