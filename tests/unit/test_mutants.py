"""The list of faults to plant fits the code as it is."""

import pytest

from tests.mutants.faults import FAULTS, ROOT, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted_in_exactly_one_place(fault: Fault) -> None:
    assert not fault.is_stale
    assert fault.old != fault.new


@pytest.mark.parametrize("tests", sorted({fault.tests for fault in FAULTS}))
def test_the_tests_that_are_run_exist(tests: str) -> None:
    assert (ROOT / tests.partition(" ")[0]).exists()


def test_no_two_faults_have_the_same_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
