"""Figures and tables in Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], left: Sequence[int] = (0,)) -> str:
    """A table; the columns whose numbers are in `left` are aligned left, the others right."""
    lines = [heads, [":--" if number in left else "--:" for number in range(len(heads))], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def number(value: float) -> str:
    return f"{value:,.0f}"


def ratio(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def spread(figures: dict[str, float], digits: int = 0) -> str:
    """From the least to the most."""
    return f"{figures['least']:,.{digits}f} to {figures['most']:,.{digits}f}"


def median(figures: dict[str, float], digits: int = 0) -> str:
    """The median, and in brackets from the least to the most."""
    return f"{figures['median']:,.{digits}f} ({spread(figures, digits)})"


def cpu(figures: dict[str, Any], name: str = "cpu_us") -> str:
    """CPU microseconds per answer; empty for results that were measured without them, and where there were none."""
    found = figures.get(name, "")
    if isinstance(found, dict) and not found["most"]:
        return ""
    return median(found) if isinstance(found, dict) else number(found) if found else ""
