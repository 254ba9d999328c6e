"""The parts of the measurement: a module each, with two functions that take the workspace.

``prepare`` fills what is needed and starts nothing; ``measure`` returns figures, as plain dictionaries that
``results.json`` keeps. Here belongs the table of them. Not here: the web pages (``bench.page_speed``), what the figures
should be (``bench.targets``) and how they are shown (``bench.section_tables``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.sections import (
    authorization_servers,
    comparison,
    hashing,
    introspection,
    memory,
    minting,
    rates,
    size,
    starting,
    sweeping,
)
from bench.workspace import Workspace


@dataclass(frozen=True)
class Section:
    """`prepare` may take as long as it likes, on a busy machine; `measure` wants a quiet one."""

    prepare: Callable[[Workspace], None]
    measure: Callable[[Workspace], dict[str, Any]]


SECTIONS: dict[str, Section] = {
    "comparison": Section(comparison.prepare, comparison.measure),
    "introspection": Section(introspection.prepare, introspection.measure),
    "rates": Section(rates.prepare, rates.measure),
    "size": Section(size.prepare, size.measure),
    "minting": Section(minting.prepare, minting.measure),
    "sweeping": Section(sweeping.prepare, sweeping.measure),
    "hashing": Section(hashing.prepare, hashing.measure),
    "memory": Section(memory.prepare, memory.measure),
    "starting": Section(starting.prepare, starting.measure),
    "authorization-servers": Section(authorization_servers.prepare, authorization_servers.measure),
}

OTHERS_NEEDED = ("authorization-servers",)
"""Measured only where the programs are given."""
