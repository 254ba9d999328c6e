"""Rounds: every subject has a turn in each, in a random order, so that a noisy minute affects all alike."""

import random
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

from bench.load import Measured
from bench.workspace import progress

Turn = Callable[[], Measured]


def take_turns(turns: Mapping[str, Turn], rounds: int) -> dict[str, list[Measured]]:
    """What each turn measured in each round."""
    results: dict[str, list[Measured]] = {name: [] for name in turns}
    for number in range(rounds):
        order = list(turns)
        random.shuffle(order)
        for name in order:
            measured = turns[name]()
            results[name].append(measured)
            failed = f", {measured.failed} FAILED" if measured.failed else ""
            progress(
                f"  round {number + 1}: {name}: {measured.per_second:,.0f}/s, p99 {measured.p99_ms:.2f} ms, "
                f"CPU {measured.cpu_us:,.0f} µs{failed}"
            )
    return results


def summarize(measured: list[Measured]) -> dict[str, Any]:
    """Medians and spread of one subject's rounds, and how many of its answers failed."""
    return {
        "per_second": spread([each.per_second for each in measured], 0),
        "p50_ms": spread([each.p50_ms for each in measured], 3),
        "p99_ms": spread([each.p99_ms for each in measured], 3),
        "p999_ms": spread([each.p999_ms for each in measured], 3),
        "cpu_us": spread([each.cpu_us for each in measured], 1),
        "database_us": spread([each.database_us for each in measured], 1),
        "requests": sum(each.requests for each in measured),
        "failed": sum(each.failed for each in measured),
    }


def spread(values: Iterable[float], digits: int) -> dict[str, float]:
    """Median, least and most, rounded."""
    known = list(values)
    return {
        "median": round(median(known), digits),
        "least": round(min(known), digits),
        "most": round(max(known), digits),
    }
