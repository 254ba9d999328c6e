"""Geometry of the SVG charts. Not here: the elements (``admin_charts.html``) and colours (``daypass.css``)."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 520, 230
LEFT, TOP, RIGHT, BOTTOM = 48, 12, 8, 26
GAP = 0.22
"""The part of a column's width that stays empty."""

STEPS = 4
LEAST = 2.0
"""The length of the smallest bar, so that it is visible beside large ones."""

ROW_WIDTH, ROW_HEIGHT, ROW_LEFT, ROW_RIGHT = 320, 28, 76, 84


@dataclass(frozen=True)
class Column:
    """`description`: in words. `values`: of each series, from below. `mark`: the label on the axis, if any."""

    description: str
    values: tuple[int, ...]
    mark: str = ""
    href: str = ""


@dataclass(frozen=True)
class Bar:
    """`series`: from 1; it sets the colour."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class PlacedColumn:
    column: Column
    x: float
    width: float
    middle: float
    bars: list[Bar]


@dataclass(frozen=True)
class Tick:
    """A grid line and its number."""

    y: float
    text: str


@dataclass(frozen=True)
class ColumnChart:
    columns: list[PlacedColumn]
    ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Row:
    label: str
    value: int
    series: int


@dataclass(frozen=True)
class PlacedRow:
    row: Row
    middle: float
    bar: Bar


@dataclass(frozen=True)
class RowChart:
    rows: list[PlacedRow]
    height: int
    width: int = ROW_WIDTH


def place_columns(items: Sequence[Column]) -> ColumnChart:
    """A column chart, with the series of each column stacked."""
    highest = max((sum(column.values) for column in items), default=0)
    step = _step(highest)
    ceiling = step * max(1, -(-highest // step))
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(items))
    scale = (HEIGHT - TOP - BOTTOM) / ceiling
    ticks = [Tick(_y(value * scale), short(value)) for value in range(0, ceiling + 1, step)]
    return ColumnChart([_place(column, LEFT + index * wide, wide, scale) for index, column in enumerate(items)], ticks)


def place_rows(items: Sequence[Row]) -> RowChart:
    """A bar chart, each bar with its label and number."""
    scale = (ROW_WIDTH - ROW_LEFT - ROW_RIGHT) / max(1, *(row.value for row in items))
    placed = []
    for index, row in enumerate(items):
        top = index * ROW_HEIGHT
        bar = Bar(row.series, ROW_LEFT, top + 5, _length(row.value, scale), ROW_HEIGHT - 10)
        placed.append(PlacedRow(row, top + ROW_HEIGHT / 2, bar))
    return RowChart(placed, ROW_HEIGHT * len(items))


def short(number: int) -> str:
    """A number with few digits, for an axis."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            unit = 1000 if letter == "k" else size
            return f"{number / unit:.4g}{letter}"
    return f"{number:,}"


def _place(column: Column, x: float, wide: float, scale: float) -> PlacedColumn:
    bars, reached = [], 0.0
    for series, value in enumerate(column.values, start=1):
        length = _length(value, scale)
        if value:
            bars.append(Bar(series, _round(x + wide * GAP / 2), _y(reached + length), _round(wide * (1 - GAP)), length))
        reached += length
    return PlacedColumn(column, _round(x), _round(wide), _round(x + wide / 2), bars)


def _length(value: int, scale: float) -> float:
    return _round(max(LEAST, value * scale)) if value else 0.0


def _y(above: float) -> float:
    return _round(HEIGHT - BOTTOM - above)


def _step(highest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20 … that needs at most STEPS lines."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * STEPS >= highest:
                return step
        size *= 10


def _round(number: float) -> float:
    return round(number, 2)
