"""Introspection (RFC 7662) as the comparison measures checks, with each way in which a caller authenticates."""

from contextlib import ExitStack
from typing import Any

from bench.subjects import introspection_subjects, prepare_subjects, side_by_side
from bench.workspace import Workspace


def prepare(workspace: Workspace) -> None:
    """Fill the databases of all subjects."""
    prepare_subjects(workspace)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Requests a second of each subject."""
    with ExitStack() as running:
        return side_by_side(workspace, introspection_subjects(workspace, running))
