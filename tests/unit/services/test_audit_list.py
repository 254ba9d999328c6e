"""Lists of audit events for people and programs. Not here: which rows match (``tests/unit/storage``)."""

from dataclasses import replace

import pytest

from app.domain.audit_search import AuditSearch
from app.services import Services, audit_list
from tests.factories import OPERATOR, disable, issue, make_user


def test_audit_events_are_read_page_by_page_with_their_details(services: Services) -> None:
    anna = make_user(services, "anna")
    made = [issue(services, anna, f"token-{number}").token.public_id for number in range(3)]
    disable(services, "anna", replace(OPERATOR, name="berta"))
    first = services.audit_list.events(actor="anna", limit=2)
    rest = services.audit_list.events(actor="anna", cursor=first.cursor, limit=2)
    assert [event.object_id for event in (*first.items, *rest.items)] == made[::-1]
    assert rest.cursor is None
    (disabled,) = services.audit_list.events(action="user.disabled").items
    assert (disabled.actor, disabled.object_id, disabled.detail) == ("berta", "anna", {"is_active": False})


def test_a_search_shows_what_its_objects_are_called_and_where_each_page_stands(services: Services) -> None:
    anna = make_user(services, "anna")
    made = [issue(services, anna, f"token-{number}").token.public_id for number in range(5)]
    search = AuditSearch(actor="anna")
    first = services.audit_list.found(search, limit=2)
    second = services.audit_list.found(search, first.page.cursor, 2)
    assert [event.object_id for event in second.page.items] == made[2:0:-1]
    assert (first.first, second.first, second.total, second.is_counted) == (1, 3, 5, True)
    assert second.token_names == {made[1]: "token-1", made[2]: "token-2"} and second.user_ids == {"anna": anna.id}
    assert services.audit_list.found(search, second.page.newer, 2).page.items == first.page.items
    assert services.audit_list.found(AuditSearch("no such thing")).total == 0


def test_every_event_of_a_search_is_read_in_pages(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_list, "LARGEST_PAGE", 2)
    anna = make_user(services, "anna")
    made = [issue(services, anna).token.public_id for _ in range(4)]
    assert [event.object_id for event in services.audit_list.every(AuditSearch(actor="anna"))] == made[::-1]
