"""The parts of the measurement: a module each, with one function that takes the workspace and returns figures.

Here belongs the table of them. Figures are plain dictionaries, as ``results.json`` keeps them.
Not here: the web pages (``bench.page_speed``), what the figures should be (``bench.targets``) and how they are shown
(``bench.section_tables``).
"""

from collections.abc import Callable
from typing import Any

from bench.sections import comparison, hashing, memory, minting, size, starting, sweeping
from bench.workspace import Workspace

SECTIONS: dict[str, Callable[[Workspace], dict[str, Any]]] = {
    "comparison": comparison.measure,
    "size": size.measure,
    "minting": minting.measure,
    "sweeping": sweeping.measure,
    "hashing": hashing.measure,
    "memory": memory.measure,
    "starting": starting.measure,
}
