"""Whether the machine was quiet: what a measurement says of itself."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.cpu import cpu_time
from bench.quiet import Conditions, Loop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the clocks of Linux")

QUIET = Conditions(Loop(100, 0.01), Loop(103, 0.02), others=0.01, stolen=0.001, load=0.2)


def test_a_quiet_machine_is_said_to_be_quiet_with_its_figures() -> None:
    assert QUIET.is_quiet
    assert "The machine was quiet: other programs took 1.0%" in QUIET.sentence()
    assert "100 ms before and 103 ms after" in QUIET.sentence()


@pytest.mark.parametrize(
    ("disturbed", "words"),
    [
        (replace(QUIET, others=0.2), "other programs took 20% of the processors"),
        (replace(QUIET, stolen=0.03), "the hypervisor took 3% of the processors"),
        (replace(QUIET, before=Loop(100, 0.4)), "a loop before it had to wait 40% of its time for a processor"),
        (replace(QUIET, after=Loop(100, 0.3)), "a loop after it had to wait 30% of its time for a processor"),
        (replace(QUIET, after=Loop(130, 0.01)), "the same loop cost 100 ms before and 130 ms after"),
    ],
)
def test_each_disturbance_is_enough_and_is_named(disturbed: Conditions, words: str) -> None:
    """Fails when one of the five is not looked at."""
    assert not disturbed.is_quiet
    assert disturbed.sentence() == f"**The machine was not quiet**: {words}."


def test_what_is_stored_is_read_again() -> None:
    assert Conditions.of(QUIET.stored() | {"date": "today"}) == QUIET


def test_the_time_of_children_that_have_ended_counts() -> None:
    """Fails when only running processes are counted: a server that restarts a worker would look cheap."""
    before = cpu_time(os.getpid())
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert cpu_time(os.getpid()) - before >= 0.3 - 0.02  # children are counted in hundredths of a second
