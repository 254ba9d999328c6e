"""Latencies at fixed rates, which are shares of what a closed loop gets out of the server in the same minute."""

from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

from bench.load import drive
from bench.pacing import drive_paced
from bench.rounds import summarize, take_turns
from bench.subjects import INTROSPECTION, VERIFY, Subject, daypass_subjects
from bench.workspace import DATABASES, Workspace, progress


def prepare(workspace: Workspace) -> None:
    """Fill the databases, and compile the load."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens)
    assert workspace.paced.exists()


def measure(workspace: Workspace) -> dict[str, Any]:
    """Latencies of checks and introspections, per database and share of the capacity."""
    plan = workspace.plan
    with ExitStack() as running:
        subjects = list(daypass_subjects(workspace, running, (VERIFY, INTROSPECTION)))
        capacities = {each.name: _capacity(workspace, each) for each in subjects}
        turns = {
            f"{each.name}/{share}": partial(
                drive_paced, workspace.paced, each.target, capacities[each.name] * share, plan.rate_seconds
            )
            for each in subjects
            for share in plan.shares
        }
        found = take_turns(turns, plan.rounds)
    return {
        f"{each.name}/{share}": {
            "label": each.label,
            "database": each.database,
            "share": share,
            "rate": round(capacities[each.name] * share),
        }
        | summarize(found[f"{each.name}/{share}"])
        for each in subjects
        for share in plan.shares
    }


def _capacity(workspace: Workspace, subject: Subject) -> float:
    """Requests a second of a closed loop."""
    subject.verify()
    drive(subject.target, workspace.plan.warm_up)
    found = [drive(subject.target, workspace.plan.seconds).per_second for _ in range(workspace.plan.rounds)]
    progress(f"  {subject.name}: at most {median(found):,.0f}/s")
    return median(found)
