"""Revoking by filter in the native API: the preview, the confirmation, the act.

Not here: what a confirmation binds (``tests/unit/services/test_revoking_by_filter``).
"""

from typing import Any

import pytest

from app.services import Services
from tests.contract.asking_native import Native, Person, fields_of, person, said
from tests.factories import issue

PREVIEW, ACT = "tokens/revocations/preview", "tokens/revocations"


def acted(admin: Person, confirmation: str, **narrowing: Any) -> Any:
    return admin.native.post(ACT, {"filter": narrowing, "confirmation": confirmation, "reason": "audit"})


@pytest.mark.both_databases
def test_what_is_previewed_is_revoked_and_recorded(services: Services, native: Native, admin: Person) -> None:
    anna = person(services, native)
    issue(services, anna.user, "other")
    narrowing = {"owner": anna.user.username, "created_before": "2100-01-01T00:00:00Z"}
    seen = admin.native.post(PREVIEW, {"filter": narrowing}).get_json()
    assert list(seen) == ["refresh_tokens", "access_tokens", "access_tokens_with_them", "items", "confirmation"]
    assert (seen["refresh_tokens"], seen["access_tokens"], seen["access_tokens_with_them"]) == (2, 0, 1)
    assert [(each["name"], each["owner"]) for each in seen["items"]] == [
        ("other", anna.user.username), ("nightly-etl", anna.user.username),
    ]  # fmt: skip
    assert said(acted(admin, "x", **narrowing)) == (409, "conflict")
    assert anna.native.get("me").status_code == 200
    answer = acted(admin, seen["confirmation"], **narrowing)
    assert answer.get_json() == {"refresh_tokens": 2, "access_tokens": 1}
    assert said(anna.native.get("me")) == (401, "token_revoked")
    event = admin.native.get(f"audit-events?action=tokens.revoked&actor={admin.user.username}").get_json()["items"][0]
    assert event["detail"] == {
        "reason": "audit", "refresh_tokens": 2, "access_tokens": 1,
        "filter": f'{{"created_before": "2100-01-01 00:00:00+00:00", "owner": "{anna.user.username}"}}',
    }  # fmt: skip


def test_a_filter_that_narrows_nothing_is_refused(admin: Person) -> None:
    assert fields_of(admin.native.post(PREVIEW, {"filter": {}})) == ["filter"]
    assert fields_of(acted(admin, "x")) == ["filter"]


def test_a_filter_that_is_none_is_refused_by_its_member(admin: Person) -> None:
    for narrowing, field in (
        ({"onwer": "anna"}, "filter.onwer"), ({"unused_for_days": "many"}, "filter.unused_for_days"),
        ({"created_after": "2030-01-01"}, "filter.created_after"), ({"owner": None}, "filter.owner"),
        ({"limit": 5, "owner": "anna"}, "filter.limit"), ({"user_id": 1}, "filter.user_id"),
        ({"to_renew": True}, "filter.to_renew"), ({"name": ""}, "filter.name"),
    ):  # fmt: skip
        assert fields_of(admin.native.post(PREVIEW, {"filter": narrowing})) == [field]
    for members, field in (({}, "filter"), ({"filter": "anna"}, "filter"), ({"filter": {"owner": "a"}, "x": 1}, "x")):
        assert said(admin.native.post(PREVIEW, members)) == (400, "bad_request"), field
    assert fields_of(admin.native.post(ACT, {"filter": {"owner": "anna"}})) == ["confirmation", "reason"]
