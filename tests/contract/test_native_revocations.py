"""Revoking by filter in the native dialect: the preview, the confirmation, the act.

Not here: ten thousand tokens, and mints meanwhile (``tests/unit/services/test_revoking_by_filter``).
"""

from typing import Any

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_native import Native, Person, fields_of, person, said
from tests.factories import OPERATOR, issue, mint

PREVIEW, ACT = "tokens/revocations/preview", "tokens/revocations"


@pytest.fixture
def admin(services: Services, native: Native) -> Person:
    return person(services, native, Role.SERVER_ADMIN)


@pytest.fixture
def anna(services: Services, native: Native) -> Person:
    return person(services, native)


def previewed(admin: Person, **narrowing: Any) -> dict[str, Any]:
    answer = admin.native.post(PREVIEW, {"filter": narrowing})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def acted(admin: Person, confirmation: str, **narrowing: Any) -> Any:
    return admin.native.post(ACT, {"filter": narrowing, "confirmation": confirmation, "reason": "audit"})


def test_a_preview_counts_and_shows_and_the_act_ends_exactly_that(
    services: Services, admin: Person, anna: Person
) -> None:
    other = issue(services, anna.user, "other")
    seen = previewed(admin, owner=anna.user.username)
    assert (seen["refresh_tokens"], seen["access_tokens"], seen["access_tokens_with_them"]) == (2, 0, 1)
    assert [(each["name"], each["owner"]) for each in seen["items"]] == [
        ("other", anna.user.username), ("nightly-etl", anna.user.username),
    ]  # fmt: skip
    assert seen["items"][1]["last_used_at"] is not None
    assert anna.native.get("me").status_code == 200
    answer = acted(admin, seen["confirmation"], owner=anna.user.username)
    assert answer.get_json() == {"refresh_tokens": 2, "access_tokens": 1}
    assert said(anna.native.get("me")) == (401, "token_revoked")
    kept = services.listing.find(other.token.public_id).token
    assert (kept.revoked_by, kept.revoke_reason) == (admin.user.username, "audit")
    assert admin.native.get("me").status_code == 200


def test_one_row_of_the_audit_log_says_what_was_ended(admin: Person, anna: Person) -> None:
    acted(admin, previewed(admin, owner=anna.user.username)["confirmation"], owner=anna.user.username)
    event = admin.native.get(f"audit-events?action=tokens.revoked&actor={admin.user.username}").get_json()["items"][0]
    assert event["detail"] == {
        "reason": "audit", "filter": f'{{"owner": "{anna.user.username}"}}', "refresh_tokens": 1, "access_tokens": 1,
    }  # fmt: skip


def test_when_the_set_has_changed_nothing_ends(services: Services, admin: Person, anna: Person) -> None:
    """Fails when the confirmation is of the filter alone."""
    narrowing = {"owner": anna.user.username}
    confirmation = previewed(admin, **narrowing)["confirmation"]
    more = issue(services, anna.user)
    assert said(acted(admin, confirmation, **narrowing)) == (409, "conflict")
    assert anna.native.get("me").status_code == 200
    services.revoking.revoke(more.token.public_id, "", OPERATOR)
    assert acted(admin, confirmation, **narrowing).status_code == 200  # it is the same set again


def test_a_confirmation_is_good_for_its_own_filter_only(admin: Person, anna: Person) -> None:
    """Fails when the filter is not sealed."""
    confirmation = previewed(admin, owner=anna.user.username, kind="refresh")["confirmation"]
    for narrowing in ({"owner": anna.user.username}, {"owner": anna.user.username, "kind": "refresh", "name": "n"}):
        assert said(acted(admin, confirmation, **narrowing)) == (409, "conflict")
    for made_up in ("x", "0" * 64, "ü", confirmation.upper()):
        assert said(acted(admin, made_up, owner=anna.user.username, kind="refresh")) == (409, "conflict")
    assert anna.native.get("me").status_code == 200


def test_minting_meanwhile_does_not_change_what_was_confirmed(
    services: Services, admin: Person, anna: Person, native: Native
) -> None:
    """The access tokens under a matching refresh token go with it, the newest too."""
    seen = previewed(admin, owner=anna.user.username)
    newer = mint(services, anna.refresh)
    answer = acted(admin, seen["confirmation"], owner=anna.user.username)
    assert answer.get_json() == {"refresh_tokens": 1, "access_tokens": 1}
    assert said(native.holding(newer.secret).get("me")) == (401, "token_revoked")


def test_access_tokens_alone_are_ended_and_their_refresh_tokens_go_on(
    services: Services, admin: Person, anna: Person
) -> None:
    narrowing = {"owner": anna.user.username, "kind": "access"}
    stale = previewed(admin, **narrowing)["confirmation"]
    fresh = mint(services, anna.refresh)
    assert said(acted(admin, stale, **narrowing)) == (409, "conflict")
    seen = previewed(admin, **narrowing)
    assert [each["public_id"] for each in seen["items"]] == [fresh.token.public_id]
    assert acted(admin, seen["confirmation"], **narrowing).get_json() == {"refresh_tokens": 0, "access_tokens": 1}
    assert mint(services, anna.refresh).token.status == "active"


def test_a_filter_that_narrows_nothing_is_refused(admin: Person) -> None:
    for narrowing in ({}, {"name": ""}):
        answer = admin.native.post(PREVIEW, {"filter": narrowing})
        assert answer.status_code == 400
        assert fields_of(admin.native.post(ACT, {"filter": narrowing, "confirmation": "x", "reason": "y"}))


def test_a_filter_that_is_none_is_refused_by_its_member(admin: Person) -> None:
    for narrowing, field in (
        ({"onwer": "anna"}, "filter.onwer"), ({"unused_for_days": "many"}, "filter.unused_for_days"),
        ({"created_after": "2030-01-01"}, "filter.created_after"), ({"owner": None}, "filter.owner"),
        ({"limit": 5, "owner": "anna"}, "filter.limit"),
    ):  # fmt: skip
        assert fields_of(admin.native.post(PREVIEW, {"filter": narrowing})) == [field]
    for members, field in (({}, "filter"), ({"filter": "anna"}, "filter"), ({"filter": {"owner": "a"}, "x": 1}, "x")):
        assert said(admin.native.post(PREVIEW, members)) == (400, "bad_request"), field
    assert fields_of(admin.native.post(ACT, {"filter": {"owner": "anna"}})) == ["confirmation", "reason"]


def test_a_filter_that_matches_nothing_may_be_confirmed_and_ends_nothing(admin: Person) -> None:
    seen = previewed(admin, owner="nobody-of-that-name")
    assert (seen["refresh_tokens"], seen["access_tokens"], seen["items"]) == (0, 0, [])
    ended = acted(admin, seen["confirmation"], owner="nobody-of-that-name")
    assert ended.get_json() == {"refresh_tokens": 0, "access_tokens": 0}
