"""Lists of audit events for people and programs. Not here: which rows match (``tests/unit/storage``)."""

from dataclasses import replace

from app.services import Services
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
