"""A caller's own account and tokens in the native API: shown, listed, created, minted from, regenerated, revoked.

Not here: creating twice (``test_native_idempotency``), and who is turned away where (``test_access_matrix``).
"""

from datetime import datetime, timedelta

from app.services import Services
from tests.contract.asking_native import Native, Person, fields_of, problem
from tests.contract.conftest import Setting
from tests.factories import OPERATOR, issue, make_user, revoke, works

BY_TOKEN = {"api_can_create_refresh_tokens": "on"}


def test_a_caller_sees_their_account_by_either_header_in_both_slash_forms(anna: Person, native: Native) -> None:
    answer = anna.native.get("me")
    assert native.get("me/", headers={"Authorization": f"Bearer {anna.access.secret}"}).data == answer.data
    found = answer.get_json()
    assert list(found) == [
        "id", "username", "email", "first_name", "last_name", "title", "role", "is_active", "api_tokens",
        "created_at", "last_login_at", "sign_in_by", "password_expires_at", "kind", "responsible", "deputy",
        "deleted_at",
    ]  # fmt: skip
    assert (found["id"], found["username"], found["role"]) == (anna.user.id, anna.user.username, "VIEWER")
    assert found["created_at"] == anna.user.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_token_of_the_call_is_described_and_revokes_itself(anna: Person) -> None:
    token = anna.native.get("me/token").get_json()
    assert (token["kind"], token["public_id"]) == ("access", anna.access.token.public_id)
    assert (token["status"], token["single_tier"], token["name"]) == ("active", False, "nightly-etl")
    assert token["refresh_token_expires_at"] == anna.refresh.token.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert anna.native.delete("me/token").status_code == 204
    assert problem(anna.native.get("me/token")) == (401, "token_revoked")
    assert anna.native.post("access-tokens", {"refresh_token": anna.refresh.secret}).status_code == 201


def test_own_tokens_are_listed_refresh_tokens_first_and_revoked_by_public_id(services: Services, anna: Person) -> None:
    issue(services, make_user(services))
    newer = issue(services, anna.user)
    services.accounts.change(anna.user.username, {"api_tokens": "allow"}, OPERATOR)
    single = services.single_tier.generate(anna.user.id, None, "a note", OPERATOR)
    found = anna.native.get("me/tokens").get_json()
    expected = [newer, anna.refresh, single, anna.access]
    assert [each["public_id"] for each in found["items"]] == [each.token.public_id for each in expected]
    assert [each["single_tier"] for each in found["items"]] == [False, False, True, False]
    assert found["items"][2]["expires_at"] is None
    assert found["next_cursor"] is None
    for query, number in (("kind=access", 2), ("status=revoked", 0), ("kind=refresh&status=active", 2)):
        assert len(anna.native.get(f"me/tokens?{query}").get_json()["items"]) == number, query
    for _ in range(2):  # twice is harmless
        assert anna.native.delete(f"me/tokens/{newer.token.public_id}").status_code == 204
    assert not works(services, newer) and works(services, anna.refresh)


def test_a_page_links_to_the_next_with_the_same_filter(services: Services, anna: Person) -> None:
    newer = issue(services, anna.user)
    first = anna.native.get("me/tokens?kind=refresh&limit=1")
    following = f"/api/v1/me/tokens?kind=refresh&limit=1&cursor={first.get_json()['next_cursor']}"
    assert first.headers["Link"] == f'<{following}>; rel="next"'
    last = anna.native.get(following)
    assert [each.get_json()["items"][0]["public_id"] for each in (first, last)] == [
        newer.token.public_id, anna.refresh.token.public_id,
    ]  # fmt: skip
    assert (last.get_json()["next_cursor"], "Link" in last.headers) == (None, False)


def test_a_cursor_or_a_parameter_that_is_none_is_refused(anna: Person) -> None:
    for query, field in (
        ("cursor=zz", "cursor"), ("cursor=a1&kind=refresh", "cursor"), ("cursor=%00", "cursor"), ("limit=501", "limit"),
        ("limit=many", "limit"), ("kind=both", "kind"), ("status=overlapping", "status"), ("sttaus=active", "sttaus"),
    ):  # fmt: skip
        assert fields_of(anna.native.get(f"me/tokens?{query}")) == [field], query


def test_an_access_token_alone_makes_mints_and_regenerates_nothing_unless_that_is_turned_on(anna: Person) -> None:
    """Fails when `_refuse_unless_by_token` is not asked."""
    mine = f"me/refresh-tokens/{anna.refresh.token.public_id}"
    for path in ("me/refresh-tokens", f"{mine}/access-token", f"{mine}/regenerate"):
        answer = anna.native.post(path, {"name": "x"} if path == "me/refresh-tokens" else None)
        assert problem(answer) == (403, "not_permitted")
        assert "daypass conf api_can_create_refresh_tokens -s on" in answer.get_json()["detail"]
    assert anna.native.get("me").status_code == 200


def test_once_it_is_on_a_refresh_token_is_made_minted_from_and_regenerated(anna: Person, setting: Setting) -> None:
    with setting(**BY_TOKEN):
        made = anna.native.post("me/refresh-tokens", {"name": "dashboard"})
        body = made.get_json()
        assert (body["kind"], body["name"], body["status"]) == ("refresh", "dashboard", "active")
        mine = f"me/refresh-tokens/{body['public_id']}"
        access = anna.native.post(f"{mine}/access-token")
        assert anna.native.holding(access.get_json()["secret"]).get("me").get_json()["id"] == anna.user.id
        again = anna.native.post(f"{mine}/regenerate").get_json()
        assert again["public_id"] == body["public_id"]
        assert problem(anna.native.post("access-tokens", {"refresh_token": body["secret"]})) == (401, "token_revoked")
        assert anna.native.post("access-tokens", {"refresh_token": again["secret"]}).status_code == 201


def test_a_refresh_token_lives_as_long_as_was_asked_for_and_no_longer_than_the_instance_s(
    anna: Person, setting: Setting
) -> None:
    """◆ A whole number of days. Under an Idempotency-Key, another lifetime is another request."""
    key = {"Idempotency-Key": "a-week"}
    with setting(**BY_TOKEN):
        for wrong in (0, -1, 61, 3651, "7", 7.0, 1.5, True, None):
            answer = anna.native.post("me/refresh-tokens", {"name": "x", "expires_in_days": wrong})
            assert fields_of(answer) == ["expires_in_days"], wrong
        longest = anna.native.post("me/refresh-tokens", {"name": "x", "expires_in_days": 61})
        assert longest.get_json()["fields"]["expires_in_days"] == ["The longest lifetime here is 60 days."]
        body = anna.native.post("me/refresh-tokens", {"name": "x", "expires_in_days": 7}, headers=key).get_json()
        created, ends = (datetime.fromisoformat(body[name]) for name in ("created_at", "expires_at"))
        for members, status in (({"expires_in_days": 7}, 200), ({"expires_in_days": 8}, 409), ({}, 409)):
            again = anna.native.post("me/refresh-tokens", {"name": "x"} | members, headers=key)
            assert again.status_code == status
    assert ends - created == timedelta(days=7)


def test_a_refresh_token_in_the_path_that_has_ended_is_a_conflict_and_no_bad_credential(
    services: Services, anna: Person, setting: Setting
) -> None:
    revoked = issue(services, anna.user)
    revoke(services, revoked)
    with setting(**BY_TOKEN):
        for members in ({}, {"name": " x"}):
            assert fields_of(anna.native.post("me/refresh-tokens", members)) == ["name"]
        for act in ("access-token", "regenerate"):
            answer = anna.native.post(f"me/refresh-tokens/{revoked.token.public_id}/{act}")
            assert problem(answer) == (409, "token_revoked")


def test_minting_needs_the_refresh_token_alone_whatever_the_headers_hold(anna: Person, native: Native) -> None:
    proof = {"refresh_token": anna.refresh.secret}
    for headers in ({}, {"TOKEN": "nonsense"}, {"Authorization": "Bearer nonsense"}):
        answer = native.post("access-tokens", proof, headers=headers)
        assert answer.status_code == 201
        assert native.holding(answer.get_json()["secret"]).get("me").status_code == 200
    assert problem(native.post("access-tokens", {"refresh_token": anna.access.secret})) == (401, "token_malformed")
    assert fields_of(native.post("access-tokens", {})) == ["refresh_token"]
