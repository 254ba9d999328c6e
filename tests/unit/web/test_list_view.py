"""A list's addresses hold what was chosen, and nothing that is empty or of one page or act only."""

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from app.web.list_view import ListView


def view(query: str = "") -> ListView:
    with Flask(__name__).test_request_context(f"/admin/tokens?{query}"):
        return ListView.of_request("-created")


def test_addresses_keep_the_filters_and_leave_out_what_is_empty_or_of_one_page() -> None:
    shown = view("q=etl&kind=refresh&cursor=abc&done=revoked&done-refresh=2")
    assert shown.address() == "/admin/tokens?q=etl&kind=refresh"
    assert shown.address(status="active") == "/admin/tokens?q=etl&kind=refresh&status=active"
    assert shown.without(("kind", "q")) == "/admin/tokens"
    assert shown.page("next") == "/admin/tokens?q=etl&kind=refresh&cursor=next"
    assert shown.page(None) == ""
    assert shown.here == "/admin/tokens?q=etl&kind=refresh&cursor=abc"
    assert shown.kept(("q",)) == [("kind", "refresh")]


def test_empty_fields_of_a_form_lead_to_the_address_without_them() -> None:
    with pytest.raises(HTTPException) as aborted:
        view("q=etl&status=&cursor=abc")
    answer = aborted.value.response
    assert answer is not None and answer.headers["Location"] == "/admin/tokens?q=etl&cursor=abc"  # type: ignore[attr-defined]


def test_a_column_sorts_a_second_time_the_other_way_round() -> None:
    assert (view().sort, view().direction) == ("created", "descending")
    assert view().sorted_by("name") == "/admin/tokens?sort=name"
    assert view("sort=name").sorted_by("name") == "/admin/tokens?sort=-name"
    assert view("sort=created").sorted_by("created") == "/admin/tokens"
    assert view("sort=-name").direction == "descending"


def test_the_range_is_said_where_one_page_does_not_hold_the_list() -> None:
    shown = view("per_page=50")
    assert shown.per_page == 50 and view("per_page=7").per_page == 25
    shown.total, shown.shown = 1, 1
    assert shown.range_of("token") == "1 token"
    shown.total, shown.first, shown.shown = 1471, 51, 50
    assert shown.range_of("token") == "51\u2013100 of 1,471 tokens"


def test_a_secret_in_a_parameter_is_masked() -> None:
    secret = "dpa_" + "a" * 12 + "_" + "B" * 49
    assert secret not in view(f"q={secret}").address()
