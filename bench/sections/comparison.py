"""Throughput and CPU time of checks, side by side: all servers run, one is loaded at a time."""

from contextlib import ExitStack
from typing import Any

from bench.subjects import check_subjects, prepare_subjects, side_by_side
from bench.workspace import Workspace


def prepare(workspace: Workspace) -> None:
    """Fill the databases of all subjects."""
    prepare_subjects(workspace)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Requests a second of each subject."""
    with ExitStack() as running:
        return side_by_side(workspace, check_subjects(workspace, running))
