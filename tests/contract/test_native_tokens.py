"""Everybody's tokens in the native dialect: found by filters, shown, revoked one by one or by filter, and identified.

Not here: what a confirmation binds (``tests/unit/services/test_revoking_by_filter``), and how lists scale
(``test_lists``).
"""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.identity import Role
from app.domain.tokens import TokenKind
from app.services import Services
from tests.contract.asking import unknown_token
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.contract.conftest import MovableClock
from tests.factories import OPERATOR, issue, make_user, mint, regenerate

PREVIEW, ACT = "tokens/revocations/preview", "tokens/revocations"
NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)


def test_each_criterion_of_the_query_narrows(services: Services, native: Native, clock: MovableClock) -> None:
    """Fails when one is left out of the query, or its instant is taken without the offset."""
    with clock.stopped_at(NOW):
        user = make_user(services)
        mint(services, issue(services, user, "early"))
    with clock.stopped_at(NOW + timedelta(days=10)):
        late = issue(services, user, "late")
        services.revoking.revoke(issue(services, user, "ended").token.public_id, "", OPERATOR)
    with clock.stopped_at(NOW + timedelta(days=11)):
        mint(services, late)
        admin = person(services, native, Role.SERVER_ADMIN)
        for query, expected in (
            ("", ["r-ended", "r-late", "r-early", "a-late", "a-early"]),
            ("kind=access", ["a-late", "a-early"]),
            ("status=revoked", ["r-ended"]),
            ("name=EAR", ["r-early", "a-early"]),
            ("created_after=2030-03-11T14:00:00%2B02:00&created_before=2030-03-12T12:00:00Z", ["r-ended", "r-late"]),
            ("created_before=2030-03-11T14:00:00%2B02:00", ["r-early", "a-early"]),
            ("expires_before=2030-03-03T00:00:00Z", ["a-early"]),
            ("expires_after=2030-05-01T00:00:00Z", ["r-ended", "r-late"]),
            ("last_used_after=2030-03-12T12:00:00Z", ["r-late"]),
            ("last_used_before=2030-03-12T12:00:00Z", ["r-early"]),
            ("unused_for_days=11", ["r-early", "a-early"]),
        ):
            items = admin.native.get(f"tokens?owner={user.username.upper()}&{query}").get_json()["items"]
            assert [f"{each['kind'][0]}-{each['name']}" for each in items] == expected, query
        assert admin.native.get("tokens?owner=nobody-of-that-name").get_json()["items"] == []


def test_a_filter_that_is_none_is_refused(admin: Person) -> None:
    for query in (
        "owner=", "name=", "kind=x", "created_after=2030-03-01", "created_before=2030-03-01T12:00:00",
        "expires_after=soon",
        "last_used_before=0001-01-01T00:00:00%2B01:00", "unused_for_days=0", "unused_for_days=36501", "onwer=anna",
        "unused_for_days=" + "9" * 5000, "name=%00", "limit=-1", "user_id=1", "ids=1", "revocable=1", "to_renew=1",
    ):  # fmt: skip
        assert fields_of(admin.native.get(f"tokens?{query}")) == [query.partition("=")[0]], query


def test_a_token_of_either_tier_is_shown_by_its_public_id(admin: Person, anna: Person) -> None:
    shown = admin.native.get(f"tokens/{anna.refresh.token.public_id}").get_json()
    assert (shown["kind"], shown["owner"], shown["status"]) == ("refresh", anna.user.username, "active")
    shown = admin.native.get(f"tokens/{anna.access.token.public_id}").get_json()
    assert list(shown) == [
        "kind", "public_id", "name", "description", "owner", "single_tier", "status", "created_at", "expires_at",
        "last_used_at", "last_used_ip", "last_used_agent", "regenerated_at", "rotated_at", "old_secret_until",
        "access_token_reissue", "seems_shared", "created_in_future", "minted_from", "created_with", "secret_seen_at",
        "revoked_at", "revoked_by", "revoke_reason",
    ]  # fmt: skip
    for public_id in ("zzzzzzzzzzzz", "short", "%00", "ZZZZZZZZZZZZ"):
        assert problem(admin.native.get(f"tokens/{public_id}")) == (404, "not_found")


def test_one_token_is_ended_with_a_reason_and_only_once(services: Services, admin: Person, anna: Person) -> None:
    path = f"tokens/{anna.refresh.token.public_id}/revoke"
    assert fields_of(admin.native.post(path, {})) == ["reason"]
    for reason, number in (("lost laptop", 1), ("again", 0)):
        ended = {"refresh_tokens": number, "access_tokens": number, "descendants": 0}
        assert admin.native.post(path, {"reason": reason}).get_json() == ended
    assert problem(anna.native.get("me")) == (401, "token_revoked")
    kept = services.listing.find(anna.access.token.public_id).token
    assert (kept.revoked_by, kept.revoke_reason) == (admin.user.username, "lost laptop")
    assert problem(admin.native.post("tokens/zzzzzzzzzzzz/revoke", {"reason": "x"})) == (404, "not_found")


def identified(admin: Person, secret: str) -> dict[str, object]:
    """What is said of a secret; that it is not repeated, every answer is searched for."""
    answer = admin.native.post("tokens/identify", {"secret": secret})
    assert answer.status_code == 200
    assert secret.strip() not in answer.text
    return answer.get_json()


def test_a_found_secret_is_identified_with_its_owner_and_state(services: Services, admin: Person, anna: Person) -> None:
    for issued, kind in ((anna.refresh, "refresh"), (anna.access, "access")):
        found = identified(admin, f" {issued.secret}\n")
        token = found.pop("token")
        assert found == {
            "checksum_ok": True, "is_known": True, "works": True, "reason": None, "kind": kind,
            "public_id": issued.token.public_id,
        }  # fmt: skip
        assert (token["owner"], token["status"]) == (anna.user.username, "active")
    services.accounts.change(anna.user.username, {"is_active": False}, OPERATOR)
    assert identified(admin, anna.access.secret)["reason"] == "owner_disabled"
    services.accounts.change(anna.user.username, {"is_active": True}, OPERATOR)
    regenerate(services, anna.refresh)
    found = identified(admin, anna.refresh.secret)
    assert (found["is_known"], found["works"], found["reason"]) == (True, False, "token_revoked")


def test_a_made_up_secret_is_nobodys_even_with_a_known_public_id(admin: Person, anna: Person) -> None:
    """Fails when the token is looked up by its public id alone."""
    for public_id in (anna.refresh.token.public_id, "zzzzzzzzzzzz"):
        found = identified(admin, unknown_token(TokenKind.REFRESH, public_id))
        assert (found["checksum_ok"], found["is_known"], found["works"], found["token"]) == (True, False, False, None)
        assert (found["reason"], found["public_id"]) == ("token_unknown", public_id)
    for nonsense in ("", "nonsense", anna.refresh.secret[:-1], anna.refresh.secret.swapcase(), "ü" * 500):
        found = admin.native.post("tokens/identify", {"secret": nonsense}).get_json()
        assert (found["checksum_ok"], found["is_known"], found["public_id"]) == (False, False, None)
    assert fields_of(admin.native.post("tokens/identify", {"secret": 5})) == ["secret"]


# Revoking by filter


@pytest.mark.both_databases
def test_what_is_previewed_is_revoked_and_recorded(services: Services, admin: Person, anna: Person) -> None:
    issue(services, anna.user, "other")
    narrowing = {"owner": anna.user.username, "created_before": "2100-01-01T00:00:00Z"}
    seen = admin.native.post(PREVIEW, {"filter": narrowing}).get_json()
    assert list(seen) == ["refresh_tokens", "access_tokens", "access_tokens_with_them", "items", "confirmation"]
    assert (seen["refresh_tokens"], seen["access_tokens"], seen["access_tokens_with_them"]) == (2, 0, 1)
    assert [(each["name"], each["owner"]) for each in seen["items"]] == [
        ("other", anna.user.username), ("nightly-etl", anna.user.username),
    ]  # fmt: skip
    act = {"filter": narrowing, "reason": "audit"}
    assert problem(admin.native.post(ACT, act | {"confirmation": "x"})) == (409, "conflict")
    assert anna.native.get("me").status_code == 200
    revoked = admin.native.post(ACT, act | {"confirmation": seen["confirmation"]}).get_json()
    assert revoked == {
        "refresh_tokens": 2, "access_tokens": 1, "id": revoked["id"], "unmarked": 0, "reason": "audit",
        "revoked_at": revoked["finished_at"], "revoked_by": admin.user.username, "finished_at": revoked["finished_at"],
    }  # fmt: skip
    assert admin.native.get(f"{ACT}/{revoked['id']}").get_json() == revoked
    assert problem(anna.native.get("me")) == (401, "token_revoked")
    event = admin.native.get(f"audit-events?action=tokens.revoked&actor={admin.user.username}").get_json()["items"][0]
    assert event["detail"] == {
        "reason": "audit", "refresh_tokens": 2, "access_tokens": 1,
        "filter": f'{{"created_before": "2100-01-01 00:00:00+00:00", "owner": "{anna.user.username}"}}',
    }  # fmt: skip


def test_of_many_tokens_the_api_says_how_many_lists_do_not_show_as_revoked_yet(
    services: Services, admin: Person, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.revoking_by_filter, "_chunk", 1)
    monkeypatch.setattr(services.bulk_revocations, "finish_in_background", lambda revoked: None)
    mint(services, issue(services, anna.user, "other"))
    act = {"filter": {"owner": anna.user.username}, "reason": "audit"}
    act |= {"confirmation": admin.native.post(PREVIEW, {"filter": act["filter"]}).get_json()["confirmation"]}
    revoked = admin.native.post(ACT, act).get_json()
    assert (revoked["refresh_tokens"], revoked["access_tokens"]) == (2, 2)
    assert (revoked["unmarked"], revoked["finished_at"]) == (2, None)
    assert problem(anna.native.get("me")) == (401, "token_revoked")
    services.bulk_revocations.mark_part(revoked["id"])
    assert admin.native.get(f"{ACT}/{revoked['id']}").get_json() == revoked | {"unmarked": 1}
    services.bulk_revocations.finish_all()
    done = admin.native.get(f"{ACT}/{revoked['id']}").get_json()
    assert (done["unmarked"], done["finished_at"] is None) == (0, False)
    for nothing in ("0", "x", "007", str(revoked["id"] + 1)):
        assert problem(admin.native.get(f"{ACT}/{nothing}")) == (404, "not_found")


def test_a_filter_that_narrows_nothing_or_is_none_is_refused_by_its_member(admin: Person) -> None:
    assert fields_of(admin.native.post(ACT, {"filter": {}, "confirmation": "x", "reason": "x"})) == ["filter"]
    for narrowing, field in (
        ({}, "filter"),
        ({"onwer": "anna"}, "filter.onwer"), ({"unused_for_days": "many"}, "filter.unused_for_days"),
        ({"created_after": "2030-01-01"}, "filter.created_after"), ({"owner": None}, "filter.owner"),
        ({"limit": 5, "owner": "anna"}, "filter.limit"), ({"user_id": 1}, "filter.user_id"),
        ({"to_renew": True}, "filter.to_renew"), ({"name": ""}, "filter.name"),
    ):  # fmt: skip
        assert fields_of(admin.native.post(PREVIEW, {"filter": narrowing})) == [field]
    for members, field in (({}, "filter"), ({"filter": "anna"}, "filter"), ({"filter": {"owner": "a"}, "x": 1}, "x")):
        assert problem(admin.native.post(PREVIEW, members)) == (400, "bad_request"), field
    assert fields_of(admin.native.post(ACT, {"filter": {"owner": "anna"}})) == ["confirmation", "reason"]
