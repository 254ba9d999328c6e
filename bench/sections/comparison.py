"""Throughput and CPU time of everything, side by side: all servers run, one is loaded at a time."""

from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.load import Measured, drive
from bench.rounds import summarize, take_turns
from bench.subjects import Subject, all_subjects
from bench.workspace import Workspace


def measure(workspace: Workspace) -> dict[str, Any]:
    """Requests a second of each subject."""
    with ExitStack() as running:
        subjects = list(all_subjects(workspace, running))
        for subject in subjects:
            subject.verify()
        found = take_turns({each.name: partial(_turn, workspace, each) for each in subjects}, workspace.plan.rounds)
        return {
            each.name: {"label": each.label, "group": each.group, "key": each.key, "database": each.database}
            | summarize(found[each.name])
            for each in subjects
        }


def _turn(workspace: Workspace, subject: Subject) -> Measured:
    drive(subject.target, workspace.plan.warm_up)
    return drive(subject.target, workspace.plan.seconds)
