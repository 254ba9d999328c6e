"""The parts of the measurement, each by itself: a module with one function that takes the ground and gives figures.

Here belongs the table of them. Figures are plain dictionaries, as ``results.json`` keeps them.
Not here: what the figures should be (``bench.targets``) and how they are shown (``bench.report``).
"""

from collections.abc import Callable
from typing import Any

from bench.ground import Ground
from bench.sections import comparison, hashing, memory, minting, pages, size, starting, sweeping

SECTIONS: dict[str, Callable[[Ground], dict[str, Any]]] = {
    "comparison": comparison.measure,
    "size": size.measure,
    "minting": minting.measure,
    "sweeping": sweeping.measure,
    "hashing": hashing.measure,
    "memory": memory.measure,
    "pages": pages.measure,
    "starting": starting.measure,
}
