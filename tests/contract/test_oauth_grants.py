"""The token endpoint (RFC 6749, sections 2.3.1, 4.4, 5 and 6): who is granted an access token, and how all others are
refused; and what the libraries of others send, which is written out here as they send it."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus, urlencode

import pytest

from app.domain.identity import Role
from app.domain.tokens import Issued, RefreshToken, TokenKind
from app.services import Services
from app.services.held_tokens import BySecret
from app.storage.database import Database
from tests import rows
from tests.contract import asking
from tests.contract.asking import GRANT, Headers, OAuth, basic, challenges, refusal, unknown_token
from tests.contract.conftest import MovableClock, Setting
from tests.contract.states import REFRESH_STATES, World
from tests.factories import PASSWORD, issue, make_user, mint

FORM = "application/x-www-form-urlencoded"
PATHS = [f"/oauth{version}/token{slash}" for version in ("", "/v2") for slash in ("", "/")]

Refresh = Issued[RefreshToken]


def raw_basic(text: str) -> Headers:
    """HTTP Basic of this text, as it is."""
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


def encoded(text: str) -> str:
    """As openid-client encodes a form: all but letters and digits."""
    return "".join(each if each.isalnum() else f"%{ord(each):02X}" for each in text)


@pytest.fixture
def refresh(services: Services) -> Refresh:
    return issue(services, make_user(services), "nightly etl")


def form_of(refresh: Refresh) -> dict[str, str]:
    return {"client_id": refresh.token.public_id, "client_secret": refresh.secret}


# Grants


@pytest.mark.parametrize("path", PATHS)
def test_both_grants_answer_200_to_the_byte_at_each_path(
    oauth: OAuth, services: Services, clock: MovableClock, path: str
) -> None:
    """Fails when it is a 201, which stops two libraries, or says anything of a refresh token, a scope or an error."""
    with clock.stopped_at(datetime(2031, 2, 3, 4, 5, 6, 999_999, UTC)):
        refresh = issue(services, make_user(services), "nightly etl")
        for form in (
            {"grant_type": "client_credentials", **form_of(refresh)},
            {"grant_type": "refresh_token", "refresh_token": refresh.secret},
        ):
            answer = oauth.send(path, data=form)
            token = json.loads(answer.data)["access_token"]
            assert answer.status_code == 200
            assert answer.data.decode() == f'{{"access_token":"{token}","token_type":"Bearer","expires_in":86400}}\n'
            known = services.verifier.verify(token)
            assert (known.token_name, known.refresh_token_public_id) == ("nightly etl", refresh.token.public_id)
            assert answer.headers["Token-Id"] == known.token_public_id


def test_a_mint_is_that_of_the_other_api_policies_budget_audit_and_all(
    oauth: OAuth, services: Services, database: Database, clock: MovableClock, setting: Setting
) -> None:
    """Under `reuse` the same token again, with the seconds that are left; never past the refresh token's end."""
    with setting(access_token_reissue="reuse"):
        refresh = issue(services, make_user(services))
        first = oauth.grant(**form_of(refresh)).get_json()
        with clock.later(hours=1, milliseconds=1):
            again = oauth.grant("refresh_token", refresh_token=refresh.secret)
            assert again.get_json() == first | {"expires_in": 86400 - 3601}
            assert again.headers["Token-Expires-In"] == str(86400 - 3601)
    with clock.later(days=59, hours=18), setting(refresh_token_lifespan="60"):
        assert oauth.grant(**form_of(refresh)).get_json()["expires_in"] <= 6 * 60 * 60
    minted = [event for event in rows.audit_events(database) if event.action == "access_token.minted"]
    detail = json.loads(minted[-1].detail)
    assert (detail["refresh_token"], minted[-1].address) == (refresh.token.public_id, "127.0.0.1")
    with setting(mints_per_hour="60"):
        other = issue(services, make_user(services))
        for _ in range(60):
            mint(services, other)
        for form in (form_of(other), {"grant_type": "refresh_token", "refresh_token": other.secret}):
            answer = oauth.grant(**form)
            assert refusal(answer) == (429, "temporarily_unavailable", "rate_limited")
            assert int(answer.headers["Retry-After"]) > 0


# Ways of client authentication, as libraries send them

WAYS: dict[str, Callable[[str, str], tuple[Headers, dict[str, str]]]] = {
    "Basic, raw: requests-oauthlib, Authlib, alation-data-quality-sdk": lambda id, secret: (basic(id, secret), {}),
    "Basic, form-encoded: openid-client": lambda id, secret: (basic(encoded(id), encoded(secret)), {}),
    "Basic, form-encoded: x/oauth2, Spring": lambda id, secret: (basic(quote_plus(id), quote_plus(secret)), {}),
    "Basic, percent-encoded: mcp": lambda id, secret: (
        basic(quote(id, safe=""), quote(secret, safe="")), {"resource": "http://localhost/mcp"},
    ),
    "Basic without an id": lambda id, secret: (basic("", secret), {}),
    "form: allie-sdk, alation-ai-agent-sdk": lambda id, secret: ({}, {"client_id": id, "client_secret": secret}),
    "form without an id: mcp": lambda id, secret: ({}, {"client_secret": secret}),
    "both, and the same": lambda id, secret: (basic(id, secret), {"client_id": id, "client_secret": secret}),
    "both, and the same when decoded": lambda id, secret: (
        basic(id, encoded(secret)), {"client_id": id, "client_secret": secret},
    ),
    "Basic, and the id again": lambda id, secret: (basic(id, secret), {"client_id": id}),
    "form beside Basic without a password": lambda id, secret: (basic(id, ""), {"client_secret": secret}),
    "form beside Basic of nothing": lambda id, secret: (raw_basic(":"), {"client_id": id, "client_secret": secret}),
    "form beside another scheme": lambda id, secret: (
        {"Authorization": "Bearer no_token"}, {"client_id": id, "client_secret": secret},
    ),
    "form beside a TOKEN": lambda id, secret: ({"TOKEN": "nonsense"}, {"client_id": id, "client_secret": secret}),
    "form with what else is sent": lambda id, secret: (
        {}, {"client_id": id, "client_secret": secret, "allow_redirects": "True", "scope": "openid", "resource": "x"},
    ),
    "form with empty parameters": lambda id, secret: (
        basic(id, secret), {"client_id": "", "client_secret": "", "scope": ""},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_authenticate_as_a_client_is_accepted(oauth: OAuth, refresh: Refresh, way: str) -> None:
    headers, form = WAYS[way](refresh.token.public_id, refresh.secret)
    answer = oauth.grant(headers=headers, **form)
    assert answer.status_code == 200, answer.text
    answer = oauth.grant("refresh_token", headers=headers, refresh_token=refresh.secret, **form)
    assert answer.status_code == 200, answer.text


ALONE: dict[str, tuple[Headers, dict[str, str]]] = {
    "no client at all: requests-oauthlib": ({}, {"allow_redirects": "True"}),
    "client_id=None: Authlib": ({}, {"client_id": "None"}),
    "Basic Og==: x/oauth2": ({"Authorization": "Basic Og=="}, {}),
    "an id without a password: x/oauth2": (raw_basic("any-id:"), {}),
    "the id of the client": ({}, {"client_id": "abcdefghijkl"}),
    "another scheme": ({"Authorization": "Bearer no_token"}, {}),
    "a TOKEN": ({"TOKEN": "no_token"}, {}),
}


@pytest.mark.parametrize("sent", ALONE)
def test_a_refresh_token_is_proof_enough_and_no_client_is_no_client(oauth: OAuth, refresh: Refresh, sent: str) -> None:
    """Fails when Basic without a password is taken for a client that fails."""
    headers, form = ALONE[sent]
    assert oauth.grant("refresh_token", headers, refresh_token=refresh.secret, **form).status_code == 200
    answer = oauth.grant(headers=headers, **form)
    assert refusal(answer) == (401, "invalid_client", "token_missing")
    assert challenges(answer) == [asking.BASIC]


@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=UTF-8", f"{FORM}; charset=utf-8"])
def test_a_form_may_name_its_character_set(oauth: OAuth, refresh: Refresh, content_type: str) -> None:
    body = urlencode({"grant_type": "client_credentials", **form_of(refresh)})
    assert oauth.send(GRANT, data=body, content_type=content_type).status_code == 200


# Refusals


@pytest.mark.parametrize("state", [name for name in REFRESH_STATES if name != "another's"])
def test_a_refresh_token_that_does_not_work_is_401_as_a_client_and_400_as_a_grant(
    oauth: OAuth, world: World, state: str
) -> None:
    """Also as the grant of the client that it is itself: Spring reads the bodies of 400 only."""
    make, reason = REFRESH_STATES[state]
    secret, _ = make(world)
    reason = "token_malformed" if state == "nothing like a token" else reason
    parsed = asking.TEXT.parse(secret)
    ids = {"client_id": parsed.public_id} if parsed and parsed.kind is TokenKind.REFRESH else {}
    for headers, form in ((basic(ids.get("client_id", ""), secret), {}), ({}, {"client_secret": secret, **ids})):
        answer = oauth.grant(headers=headers, **form)
        assert (refusal(answer), challenges(answer)) == ((401, "invalid_client", reason), [asking.BASIC])
        for answer in (
            oauth.grant("refresh_token", refresh_token=secret),
            oauth.grant("refresh_token", headers, refresh_token=secret, **form),
        ):
            assert (refusal(answer), challenges(answer)) == ((400, "invalid_grant", reason), [])
        # And as another's grant, or as a client that is another.
        other = issue(world.services, make_user(world.services))
        answer = oauth.grant("refresh_token", headers, refresh_token=other.secret, **form)
        assert refusal(answer) == (401, "invalid_client", reason)
        answer = oauth.grant("refresh_token", basic("", other.secret), refresh_token=secret)
        assert refusal(answer)[:2] == (400, "invalid_grant")


def test_an_expired_refresh_token_says_so(oauth: OAuth, refresh: Refresh, clock: MovableClock) -> None:
    with clock.later(days=61):
        answer = oauth.grant(**form_of(refresh))
        assert refusal(answer) == (401, "invalid_client", "token_expired")
        answer = oauth.grant("refresh_token", refresh_token=refresh.secret)
        assert refusal(answer) == (400, "invalid_grant", "token_expired")


def test_id_secret_and_refresh_token_of_two_clients_are_refused(
    oauth: OAuth, services: Services, refresh: Refresh
) -> None:
    """Of the same owner too: each refresh token is a client of its own. Fails when the id is not compared (tried)."""
    other = issue(services, make_user(services))
    ids = refresh.token.public_id, other.token.public_id
    bad = (401, "invalid_client", "bad_credentials")
    assert refusal(oauth.grant(headers=basic(ids[1], refresh.secret))) == bad
    assert refusal(oauth.grant(client_id=ids[1], client_secret=refresh.secret)) == bad
    assert refusal(oauth.grant(client_id="nonsense", client_secret=refresh.secret)) == bad
    answer = oauth.grant("refresh_token", basic(ids[1], refresh.secret), refresh_token=refresh.secret)
    assert refusal(answer) == bad
    two = (400, "invalid_request", "bad_request")
    for headers, form in (
        (basic(*ids[:1], refresh.secret), {"client_id": ids[1]}),
        (basic(*ids[:1], refresh.secret), {"client_secret": other.secret}),
        (basic(ids[0], refresh.secret), {"client_id": ids[1], "client_secret": other.secret}),
        (basic("", refresh.secret), {"client_secret": f"{refresh.secret} "}),
    ):
        assert refusal(oauth.grant(headers=headers, **form)) == two
        assert refusal(oauth.grant("refresh_token", headers, refresh_token=refresh.secret, **form)) == two
    answer = oauth.grant("refresh_token", basic(ids[1], other.secret), refresh_token=refresh.secret)
    assert refusal(answer) == (400, "invalid_grant", "token_unknown")
    assert services.held_tokens.validate(BySecret(refresh.secret))[0].last_used_at is None


BASIC_ALONE = {
    "not base64": {"Authorization": "Basic ====="},
    "not UTF-8": {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()},
    "without a colon": raw_basic("nonsense"),
}


@pytest.mark.parametrize("headers", BASIC_ALONE.values(), ids=BASIC_ALONE)
def test_basic_that_cannot_be_read_is_a_bad_client(oauth: OAuth, refresh: Refresh, headers: Headers) -> None:
    for answer in (oauth.grant(headers=headers), oauth.grant("refresh_token", headers, refresh_token=refresh.secret)):
        assert refusal(answer) == (401, "invalid_client", "bad_credentials")
        assert challenges(answer) == [asking.BASIC]


def test_a_password_is_no_client_and_is_never_compared(oauth: OAuth, services: Services, database: Database) -> None:
    """Nor counted as a failed attempt to log in."""
    user = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    services.last_use.flush()  # what earlier tests left in memory
    before = rows.everything(database)
    for headers, form in (
        (basic(user.username, PASSWORD), {}),
        ({}, {"client_id": user.username, "client_secret": PASSWORD}),
    ):
        assert refusal(oauth.grant(headers=headers, **form)) == (401, "invalid_client", "token_malformed")
    services.last_use.flush()
    assert rows.everything(database) == before


MALFORMED: dict[str, tuple[str, str]] = {
    "no grant type": ("", "unsupported_grant_type"),
    "an empty one": ("grant_type=", "unsupported_grant_type"),
    "another": ("grant_type=password", "unsupported_grant_type"),
    "another case": ("grant_type=Client_Credentials", "unsupported_grant_type"),
    "a grant without its token": ("grant_type=refresh_token", "invalid_request"),
    "an empty refresh token": ("grant_type=refresh_token&refresh_token=", "invalid_request"),
    "the grant type twice": ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
    "the secret twice": ("grant_type=client_credentials&client_secret=a&client_secret=a", "invalid_request"),
    "what is ignored, twice": ("grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
    "empty, twice": ("grant_type=client_credentials&scope=&scope=", "invalid_request"),
    "not UTF-8": ("grant_type=%ff", "invalid_request"),
}


@pytest.mark.parametrize("body", MALFORMED)
def test_what_cannot_be_understood_is_a_400(oauth: OAuth, refresh: Refresh, body: str) -> None:
    """With a good client too."""
    text, error = MALFORMED[body]
    headers = basic(refresh.token.public_id, refresh.secret)
    for path in PATHS:
        answer = oauth.send(path, data=text, content_type=FORM, headers=headers)
        assert (refusal(answer), challenges(answer)) == ((400, error, "bad_request"), [])


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_what_is_no_form_is_a_400(oauth: OAuth, refresh: Refresh, content_type: str) -> None:
    body = urlencode({"grant_type": "client_credentials", **form_of(refresh)})
    answer = oauth.send(GRANT, data=body, content_type=content_type)
    assert refusal(answer) == (400, "invalid_request", "bad_request")


def test_credentials_in_the_query_are_not_read(oauth: OAuth, refresh: Refresh) -> None:
    query = {"grant_type": "client_credentials", **form_of(refresh)}
    answer = oauth.send(GRANT, query_string=query, data={"grant_type": "client_credentials"})
    assert refusal(answer) == (401, "invalid_client", "token_missing")
    assert refusal(oauth.send(GRANT, query_string=query)) == (400, "invalid_request", "bad_request")


def test_other_methods_are_a_405_in_json(oauth: OAuth) -> None:
    for path in PATHS:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = oauth.send(path, method)
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_mistake_in_the_secret_is_named(oauth: OAuth, refresh: Refresh) -> None:
    for answer in (
        oauth.grant(client_secret=f'"{refresh.secret}"'),
        oauth.grant("refresh_token", refresh_token=f'"{refresh.secret}"'),
    ):
        assert asking.hint_of(answer) == "There are quotation marks around the refresh token: send it without them."


def test_a_wrong_secret_counts_nowhere_however_often_it_is_sent_and_the_right_one_works_at_once(
    oauth: OAuth, services: Services, database: Database, refresh: Refresh
) -> None:
    """x/oauth2 sends each attempt twice, by Basic and at once in the form. 256 random bits need no counter of failures,
    and what has none locks nobody out and writes nothing."""
    wrong = unknown_token(TokenKind.REFRESH, refresh.token.public_id)
    services.last_use.flush()  # what earlier tests left in memory
    before = rows.everything(database)
    for _ in range(30):
        assert refusal(oauth.grant(headers=basic(refresh.token.public_id, wrong)))[2] == "token_unknown"
        answer = oauth.grant(client_id=refresh.token.public_id, client_secret=wrong)
        assert refusal(answer) == (401, "invalid_client", "token_unknown")
    services.last_use.flush()
    assert rows.everything(database) == before
    assert oauth.grant(**form_of(refresh)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_authorized_in_a_browser(oauth: OAuth, method: str) -> None:
    for path in ("/oauth/authorize", "/oauth/authorize/"):
        answer = oauth.send(path, method, query_string={"response_type": "code", "redirect_uri": "http://localhost/"})
        assert refusal(answer) == (400, "unsupported_response_type", "bad_request")
