"""The list of faults to plant fits the code and the tests as they are."""

import pytest

from tests.mutants.faults import FAULTS, ROOT, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted_in_exactly_one_place_and_its_tests_exist(fault: Fault) -> None:
    assert not fault.is_stale
    assert fault.old != fault.new
    assert (ROOT / fault.tests.partition(" ")[0]).is_file()


def test_no_two_faults_have_the_same_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
