"""Lists of users: what finds them, each order, and pages that neither repeat nor lose one."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain.identity import Role
from app.domain.user_search import UserCounts, UserOrder, UserSearch
from app.storage import user_list
from tests.unit.storage.planting import HOUR, NOW, plant_access_token, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases


def found(session: Session, search: UserSearch) -> set[str]:
    return {row.username for row in user_list.found(session, search, None, None, 100)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ANN", {"anna"}), ("example.COM", {"anna", "zoe"}), ("anna l", {"anna"}), ("lindqvist", {"anna"}),
        ("łUKASZ", {"zoe"}), ("Ångström", {"zoe"}), ("ÅNG", {"zoe"}), ("a%a", set()), ("_", set()), ("nobody", set()),
    ],
)  # fmt: skip
def test_users_are_found_by_parts_of_names_and_e_mail_in_any_case(
    session: Session, text: str, expected: set[str]
) -> None:
    plant_user(session, username="anna", email="anna@example.com", first_name="Anna", last_name="Lindqvist")
    plant_user(session, username="zoe", email="z@Example.com", first_name="Łukasz", last_name="Ångström")
    plant_user(session, username="carl")
    assert found(session, UserSearch(text)) == expected


def test_users_are_found_by_their_id_and_by_the_id_of_any_of_their_tokens(session: Session) -> None:
    anna, berta = (plant_user(session, username=name) for name in ("anna", "berta"))
    plant_refresh_token(session, anna, public_id="3gr5lo7qmcxg", status="revoked")
    plant_access_token(session, berta, public_id="q9v4xw7zz0le")
    for text, expected in (
        (str(anna.id), "anna"), ("3gr5lo7qmcxg", "anna"), ("dpr_3gr5lo7qmcxg…", "anna"), ("DPR_3GR5LO7QMCXG", "anna"),
        ("dpa_q9v4xw7zz0le", "berta"),
    ):  # fmt: skip
        assert found(session, UserSearch(text)) == {expected}, text
    assert found(session, UserSearch("dpr_3gr5lo7qmcx")) == found(session, UserSearch("9" * 18)) == set()


def test_roles_and_states_narrow_and_are_counted_apart_from_that(session: Session) -> None:
    plant_user(session, username="anna", role=Role.SERVER_ADMIN)
    plant_user(session, username="annabel", is_active=False)
    plant_user(session, username="carl")
    assert found(session, UserSearch("ann", is_active=False)) == {"annabel"}
    assert found(session, UserSearch(role=Role.SERVER_ADMIN)) == {"anna"}
    assert user_list.counts(session, UserSearch("ann", is_active=False), None) == UserCounts(1, 2, 1, 1, 1, 0)
    assert user_list.counts(session, UserSearch(), None) == UserCounts(3, 3, 2, 1, 1, 0)


@pytest.mark.parametrize("order", UserOrder)
@pytest.mark.parametrize("is_descending", [False, True])
def test_every_order_is_read_both_ways_page_by_page_without_a_gap(
    session: Session, order: UserOrder, is_descending: bool
) -> None:
    for number in range(7):
        seen: dict[str, Any] = {} if number % 3 == 0 else {"last_login_at": NOW + number // 3 * HOUR}
        role = Role.STEWARD if number % 2 else Role.VIEWER
        plant_user(session, username=f"user-{(number * 3) % 7}", email=f"{number % 2}@x.y", role=role, **seen)
    search = UserSearch(order=order, is_descending=is_descending)
    whole = [row.id for row in user_list.found(session, search, None, None, 100)]
    if order is UserOrder.CREATED:
        assert whole == sorted(whole, reverse=is_descending)
    read: list[int] = []
    while page := user_list.found(session, search, None, read[-1] if read else None, 3):
        assert user_list.count_before(session, search, None, page[0].id) == len(read)
        read += [row.id for row in page]
    assert read == whole
    back = user_list.found(session, search, None, whole[4], 3, is_backwards=True)
    assert [row.id for row in back] == whole[1:4][::-1]
