"""The page of results is what was measured."""

import json

from bench.report import PAGE, RESULTS, page
from bench.scaling import SCALING, scaling_page
from bench.section_tables import SECTION_TABLES
from bench.sections import SECTIONS


def test_the_page_shows_the_results_that_are_stored() -> None:
    """Fails when one of the two files was changed by hand: `python -m bench --show` writes it again."""
    assert PAGE.read_text() == page(json.loads(RESULTS.read_text()))


def test_what_hosts_need_is_computed_from_the_same_results() -> None:
    """Fails when one of the two files was changed by hand."""
    assert SCALING.read_text() == scaling_page(json.loads(RESULTS.read_text()))


def test_every_section_has_a_table() -> None:
    assert {*SECTION_TABLES, "comparison"} == {*SECTIONS}
