"""Throughput of everything, side by side: all servers run throughout, one is loaded at a time.

Not here: which subjects there are (``bench.subjects``).
"""

from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.ground import Ground
from bench.load import Measured, drive
from bench.rounds import sum_up, take_turns
from bench.subjects import Subject, all_subjects


def measure(ground: Ground) -> dict[str, Any]:
    """Requests a second of each subject."""
    with ExitStack() as running:
        subjects = list(all_subjects(ground, running))
        for subject in subjects:
            subject.prove()
        found = take_turns({each.name: partial(_turn, ground, each) for each in subjects}, ground.plan.rounds)
        return {
            each.name: {"label": each.label, "group": each.group, "key": each.key, "database": each.database}
            | sum_up(found[each.name])
            for each in subjects
        }


def _turn(ground: Ground, subject: Subject) -> Measured:
    drive(subject.target, ground.plan.warm_up)
    return drive(subject.target, ground.plan.seconds)
