"""What introspection tells of a token (RFC 7662, section 2.2), what a revocation ends (RFC 7009, section 2), and which
requests can be read (RFC 6749, section 3.2: parameters once, empty ones count as missing, unknown ones are ignored)."""

import ast
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from app.domain.identity import Role, User
from app.domain.oauth_client import WITH_ITS_SECRET
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.http.body import LARGEST_BODY
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests import rows
from tests.contract import asking
from tests.contract.asking import (
    INACTIVE,
    INTROSPECT,
    REVOKE,
    Headers,
    OAuth,
    basic,
    bearer,
    raw_path,
    refusal,
    unknown_token,
)
from tests.contract.conftest import MovableClock, Setting
from tests.contract.states import ACCESS_STATES, REFRESH_STATES, Make, World
from tests.factories import PASSWORD, generate, issue, make_user, mint, works

THEN = datetime(2031, 2, 3, 4, 5, 6, 999_999, UTC)
THEN_IN_SECONDS = 1_927_857_906
DAY = 24 * 60 * 60
any_hint = pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "é"])
ENDED = {f"an access token, {name}": (make, "access_token") for name, (make, _) in ACCESS_STATES.items()}
ENDED |= {
    f"a refresh token, {name}": (make, "refresh_token")
    for name, (make, reason) in REFRESH_STATES.items()
    if reason in ("token_revoked", "owner_disabled", "owner_must_sign_in")
}
del ENDED["an access token, of the other kind"]


def members(oauth: OAuth, headers: Headers, token: str, hint: str | None = None) -> dict[str, Any]:
    answer = oauth.introspect(token, hint, headers)
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.data))


def token_of(services: Services, user: User) -> str:
    return mint(services, issue(services, user)).secret


# Introspection


def test_tokens_that_work_are_told_to_the_byte(
    oauth: OAuth, services: Services, clock: MovableClock, setting: Setting
) -> None:
    """RFC 7662's members, three of our own and Alation's. `exp` is the second in which it ends, if it does; there is
    no `iss` without a public URL."""
    with clock.stopped_at(THEN), setting(refresh_token_lifespan="7"):
        anna = make_user(services, role=Role.STEWARD, email="änna@example.org")
        refresh = issue(services, anna, "nightly etl")
        access = mint(services, refresh)
        headers = {"TOKEN": token_of(services, make_user(services, role=Role.INTROSPECTOR))}
        for token, hint, token_type, days in (
            (access, None, "Bearer", 1),
            (refresh, "refresh_token", "refresh_token", 7),
        ):
            assert oauth.introspect(token.secret, hint, headers).data == (
                f'{{"active":true,"token_type":"{token_type}","sub":"{anna.id}","username":"{anna.username}",'
                f'"iat":{THEN_IN_SECONDS},"exp":{THEN_IN_SECONDS + days * DAY},"jti":"{token.token.public_id}",'
                f'"name":"nightly etl","role":"STEWARD","email":"\\u00e4nna@example.org",'
                f'"client_id":"{refresh.token.public_id}","nbf":{THEN_IN_SECONDS},'
                f'"unique_id":"{token.token.public_id}"}}\n'
            ).encode("ascii")
        single = generate(services, make_user(services, role=Role.SERVER_ADMIN), None, "for the nightly job")
        found = members(oauth, headers, single.secret)
    assert not {"exp", "client_id", "iss"} & set(found)
    assert (found["name"], found["unique_id"]) == ("for the nightly job", single.token.public_id)


@any_hint
def test_an_access_token_is_found_with_any_hint_and_a_refresh_token_with_its_own_alone(
    oauth: OAuth, services: Services, as_introspector: Headers, hint: str | None
) -> None:
    """RFC 7662, section 2.1: where the hint leads to nothing, all tokens must be searched. But an API that takes
    "active" for "accepted" must not accept a refresh token. Fails when the hint is ignored (tried)."""
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    found = members(oauth, as_introspector, access.secret, hint)
    assert (found["active"], found["token_type"], found["jti"]) == (True, "Bearer", access.token.public_id)
    answer = oauth.introspect(refresh.secret, hint, as_introspector)
    assert (answer.data == asking.INACTIVE) == (hint != "refresh_token")


def test_an_introspectors_own_access_token_is_inactive_and_its_refresh_token_is_not(
    oauth: OAuth, services: Services
) -> None:
    """To itself and to an administrator: it opens nothing."""
    refresh = issue(services, make_user(services, role=Role.INTROSPECTOR))
    own, admin = mint(services, refresh).secret, token_of(services, make_user(services, role=Role.SERVER_ADMIN))
    for token in (own, admin):
        assert oauth.introspect(own, headers={"TOKEN": token}).data == asking.INACTIVE
    assert members(oauth, {"TOKEN": own}, admin)["role"] == "SERVER_ADMIN"
    assert members(oauth, {"TOKEN": own}, refresh.secret, "refresh_token")["role"] == "INTROSPECTOR"


@pytest.mark.parametrize(("state", "kind"), ENDED.values(), ids=ENDED)
def test_a_token_that_has_ended_is_inactive_and_nothing_more(
    oauth: OAuth, world: World, as_introspector: Headers, state: Make, kind: str
) -> None:
    """Fails when `TokenRefused` is not caught, or the reason is in the answer (tried both)."""
    secret, _ = state(world)
    for hint in (None, kind):
        assert oauth.introspect(secret, hint, as_introspector).data == asking.INACTIVE


def test_what_is_no_token_is_inactive_and_revoking_it_is_a_200_that_changes_nothing(
    oauth: OAuth, services: Services, database: Database, as_introspector: Headers
) -> None:
    access = mint(services, issue(services, make_user(services)))
    secret, public_id = access.secret, access.token.public_id
    texts = [
        unknown_token(), unknown_token(TokenKind.REFRESH), unknown_token(TokenKind.ACCESS, public_id), public_id,
        secret[:-1], secret.upper(), f" {secret}", f"{secret}\n", f"Bearer {secret}", f"{secret},{secret}",
        " ", "\0", "\U0001f511", "x" * 15_000, "%00",
    ]  # fmt: skip
    for text in texts:
        for hint in (None, "refresh_token", "access_token"):
            assert oauth.introspect(text, hint, as_introspector).data == asking.INACTIVE, repr(text)
    services.last_use.flush()
    before = rows.everything(database)
    assert {oauth.revoke(text).status_code for text in texts} == {200}
    assert rows.everything(database) == before
    assert members(oauth, as_introspector, access.secret)["active"] is True


def test_asking_is_a_use_from_an_unknown_address_and_none_of_what_does_not_work(
    oauth: OAuth, services: Services, clock: MovableClock, database: Database, world: World
) -> None:
    """The API's own address and agent are the asker's, not the client's."""
    access = mint(services, issue(services, make_user(services)))
    api = mint(services, issue(services, make_user(services, role=Role.INTROSPECTOR)))
    world.revoke_access()
    with clock.later(minutes=5) as now:
        headers = {"TOKEN": api.secret, "User-Agent": "an-api/1"}
        oauth.introspect(access.secret, headers=headers)
        services.last_use.flush()
        with database.reading() as session:
            found = [session.get_one(AccessTokenRow, each.token.id) for each in (access, api)]
            uses = [(row.last_used_at, row.last_used_ip, row.last_used_agent) for row in found]
        assert uses == [(now, None, None), (now, "127.0.0.1", "an-api/1")]
        before = rows.everything(database)
        for token in (world.access.secret, world.refresh.secret, "nonsense"):
            oauth.introspect(token, "refresh_token", headers)
        services.last_use.flush()
        after = rows.everything(database)
    assert after.pop("check_counts") != before.pop("check_counts")  # the API's own token was checked
    assert after == before


def test_a_superseded_token_that_an_api_received_is_recorded_once(
    oauth: OAuth, services: Services, database: Database, world: World
) -> None:
    """As wherever else one is presented. Fails when introspection swallows the refusal."""
    world.mint()
    api = make_user(services, role=Role.INTROSPECTOR)
    headers = {"TOKEN": token_of(services, api)}
    answers = [oauth.introspect(world.access.secret, headers=headers) for _ in range(3)]
    assert {answer.data for answer in answers} == {asking.INACTIVE}
    services.last_use.flush()
    seen = [event for event in rows.audit_events(database) if event.action == "access_token.superseded_presented"]
    assert [event.actor for event in seen if event.object_id == world.access.token.public_id] == [api.username]


# Revocation


@pytest.mark.both_databases
@any_hint
def test_presenting_a_token_revokes_it_and_what_is_under_it_with_any_hint(
    oauth: OAuth, services: Services, database: Database, hint: str | None
) -> None:
    """RFC 7009, section 2.1. Fails when the hint decides where to look, or access tokens are left (tried both)."""
    owner = make_user(services)
    refresh, other = issue(services, owner), issue(services, owner)
    access, others = mint(services, refresh), mint(services, other)
    for token, left in ((others, [refresh, access, other]), (refresh, [other])):
        answer = oauth.revoke(token.secret, hint)
        assert (answer.status_code, answer.data) == (200, b"")
        assert [each for each in (refresh, access, other, others) if works(services, each)] == left
    (event,) = [each for each in rows.audit_events(database) if each.object_id == others.token.public_id][-1:]
    assert (event.action, event.actor, event.address) == ("access_token.revoked", owner.username, "127.0.0.1")
    assert json.loads(event.detail)["reason"] == WITH_ITS_SECRET


@pytest.mark.parametrize("how", [each for each in ENDED if "disabled" not in each and "sign in" not in each])
def test_revoking_what_has_ended_is_a_200_that_changes_nothing(
    oauth: OAuth, world: World, database: Database, how: str
) -> None:
    """RFC 7009, section 2.2: an error would say nothing that the client could act on. Fails when one is answered."""
    state, kind = ENDED[how]
    secret, _ = state(world)
    world.services.last_use.flush()
    before, shown = rows.everything(database), _statuses(world.services)
    assert {oauth.revoke(secret, hint).status_code for hint in (None, kind)} == {200}
    after = rows.everything(database)
    if "expired" in how or "overlap" in how:  # by this clock; it is revoked for clocks by which it has not ended
        for table in ("access_tokens", "audit_events"):
            before[table] = after[table]
    assert (after, _statuses(world.services)) == (before, shown)


def _statuses(services: Services) -> list[str]:
    return [each.token.status for each in services.listing.every_token(TokenFilter())]


def test_who_signs_in_revokes_their_own_tokens_and_nobody_elses(oauth: OAuth, services: Services) -> None:
    """RFC 7009, section 2.1: refused. Fails without `only_of` (tried)."""
    owner = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    for headers in (basic(owner.username, PASSWORD), bearer(token_of(services, owner))):
        own, anothers = issue(services, owner), issue(services, make_user(services))
        for token in (mint(services, anothers), anothers):
            assert refusal(oauth.revoke(token.secret, headers=headers))[2] == "not_permitted"
            assert works(services, token)
        for token in (mint(services, own), own):
            assert oauth.revoke(token.secret, headers=headers).status_code == 200
            assert not works(services, token)


def test_a_token_may_revoke_itself(oauth: OAuth, services: Services) -> None:
    """As credential and as parameter, which is how a client signs out; after that it is no credential."""
    token = token_of(services, make_user(services))
    assert oauth.revoke(token, headers=bearer(token)).status_code == 200
    assert refusal(oauth.revoke(token, headers=bearer(token))) == (401, "invalid_token", "token_revoked")


FORM = "application/x-www-form-urlencoded"
MALFORMED = (400, "invalid_request", "bad_request")

MISSING = "The parameter token is missing."
NO_FORM = f"Send the parameters as {FORM}."
TWICE = "The request's body names a member twice."
NO_UTF_8 = "The request's body is not a valid form in UTF-8."

BAD_BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "no body": ({}, NO_FORM),
    "an empty form": ({"data": b"", "content_type": FORM}, MISSING),
    "an empty token": ({"data": {"token": "", "token_type_hint": "access_token"}}, MISSING),
    "token twice": ({"data": "token={token}&token={token}", "content_type": FORM}, TWICE),
    "hint twice": ({"data": "token={token}&token_type_hint=a&token_type_hint=b", "content_type": FORM}, TWICE),
    "JSON": ({"json": {"token": "{token}"}}, NO_FORM),
    "JSON that claims to be a form": ({"data": '{"token": "{token}"}', "content_type": FORM}, MISSING),
    "a form without a type": ({"data": "token={token}"}, NO_FORM),
    "multipart": ({"data": {"token": "{token}"}, "content_type": "multipart/form-data"}, NO_FORM),
    "bytes that are not UTF-8, encoded": ({"data": "token=%ff%fe", "content_type": FORM}, NO_UTF_8),
    "a lone surrogate, encoded": ({"data": "token=%ed%a0%80", "content_type": FORM}, NO_UTF_8),
}
"""What is sent, and the description."""


@pytest.fixture(scope="module")
def token(services: Services) -> str:
    """A good one; nothing here may revoke it."""
    return mint(services, issue(services, make_user(services))).secret


@pytest.mark.parametrize("how", BAD_BODIES)
def test_a_body_that_cannot_be_read_is_a_400_and_changes_nothing(
    oauth: OAuth, services: Services, database: Database, as_introspector: Headers, token: str, how: str
) -> None:
    body, description = BAD_BODIES[how]
    request = ast.literal_eval(repr(body).replace("{token}", token))
    services.last_use.flush()
    before = rows.everything(database)
    answers = [oauth.send(path, **request) for path in (REVOKE, f"{REVOKE}/")]
    assert oauth.send(INTROSPECT, **request).status_code in (400, 401), "a form may hold the credential"
    assert rows.everything(database) == before
    for path in (INTROSPECT, f"{INTROSPECT}/", REVOKE):
        answers.append(oauth.send(path, headers=as_introspector, **request))
    for answer in answers:
        assert refusal(answer) == MALFORMED
        assert token not in answer.text
        assert answer.get_json()["error_description"] == description
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


@pytest.mark.parametrize("path", [INTROSPECT, f"{REVOKE}/"])
def test_only_post_with_a_body_of_16_kib_at_most_is_read_and_no_query(
    oauth: OAuth, as_introspector: Headers, token: str, path: str
) -> None:
    """RFC 7009 section 2 leaves GET out, lest tokens end up in logs; a token in the query revokes nothing."""
    rest = "x" * (LARGEST_BODY - len(f"token={token}&rest="))
    fits = oauth.send(path, headers=as_introspector, data=f"token=nonsense&rest={rest}", content_type=FORM)
    assert fits.status_code == 200
    answer = oauth.send(path, headers=as_introspector, data=f"token={token}&rest={rest}x", content_type=FORM)
    assert refusal(answer) == (413, "invalid_request", "request_entity_too_large")
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = oauth.send(f"{path}?token={token}", method, headers=as_introspector)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        if method != "HEAD":
            assert refusal(answer) == (405, "invalid_request", "method_not_allowed")
    assert refusal(oauth.send(f"{path}?token={token}", headers=as_introspector)) == MALFORMED
    answer = oauth.send(f"{path}?token={token}", headers=as_introspector, data={"token": "nonsense"})
    assert answer.status_code == 200
    raw = {"environ_overrides": {"QUERY_STRING": "a=\xff"}}
    assert refusal(oauth.send(path, headers=as_introspector, **raw)) == MALFORMED
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


def test_a_good_request_may_be_written_in_many_ways(oauth: OAuth, as_introspector: Headers, token: str) -> None:
    """With a charset, with unknown parameters, with a token that is percent-encoded needlessly."""
    encoded = "".join(f"%{byte:02x}" for byte in token.encode("ascii"))
    for data, content_type in (
        (f"token={token}", f"{FORM}; charset=UTF-8"),
        (f"token={token}&scope=&client_id=api&a=1", FORM.upper()),
        (f"token={encoded}", FORM),
        (f"token_type_hint=&token={token}&", FORM),
        (urlencode({"token": token, "token_type_hint": "é\U0001f511"}), FORM),
    ):
        for path in (INTROSPECT, f"{INTROSPECT}/"):
            answer = oauth.send(path, headers=as_introspector, data=data, content_type=content_type)
            assert (answer.status_code, answer.get_json().get("active")) == (200, True), data.replace(token, "…")


def test_an_unknown_path_is_a_404(oauth: OAuth, as_introspector: Headers, token: str) -> None:
    for path in (
        "/oauth/",
        "/oauth//introspect",
        "/oauth/Introspect",
        "/oauth/v2/.well-known/jwks.json/",
        "/oauth/%ff",
        "/oauth/revoke%20",
    ):
        answer = oauth.send("/", data={"token": token}, headers=as_introspector, **raw_path(path))
        assert refusal(answer) == (404, "invalid_request", "not_found")
