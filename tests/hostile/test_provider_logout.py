"""Logout tokens that prove nothing end no session, and a good one ends just its own."""

import math
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.drivers.provider import CLIENT
from tests.hostile.provided import MARK, Provided, Visitor

EVENT = "http://schemas.openid.net/event/backchannel-logout"
HOUR, YEAR = 3600, 365 * 24 * 3600
LOGOUT_REFUSED = "provider.logout_refused"

_numbers = count(1)

BAD: dict[str, dict[str, Any]] = {
    "a nonce": {"claims": {"nonce": MARK}},
    "another client": {"claims": {"aud": f"other-{MARK}"}},
    "no client": {"claims": {"aud": None}},
    "another issuer": {"claims": {"iss": f"https://{MARK}.example.com"}},
    "no issuer": {"claims": {"iss": None}},
    "of last year": {"claims": {"iat": {"in": -YEAR}, "exp": None}},
    "of next year": {"claims": {"iat": {"in": YEAR}, "exp": {"in": YEAR + HOUR}}},
    "of a time that nothing compares with": {"claims": {"iat": math.nan, "exp": None}},
    "of no time": {"claims": {"iat": None}},
    "expired": {"claims": {"exp": {"in": -HOUR}}},
    "no events": {"claims": {"events": None}},
    "events of another kind": {"claims": {"events": {f"http://{MARK}.example.com": {}}}},
    "events that are a list": {"claims": {"events": [EVENT]}},
    "an event that is no object": {"claims": {"events": {EVENT: MARK}}},
    "no id of its own": {"claims": {"jti": None}},
    "an id that is a list": {"claims": {"jti": [MARK]}},
    "neither a session nor a person": {"claims": {"sid": None, "sub": None}},
    "a session that is a list": {"claims": {"sid": [MARK]}},
    "a session with half a character": {"claims": {"sid": f"{MARK}\ud800"}},
    "a person with a zero byte": {"claims": {"sub": f"{MARK}\0"}},
    "signed in a list of ways": {"header": {"alg": [MARK]}},
    "signed in a way of no name": {"header": {"alg": MARK}},
    "signed by nobody": {"signed_by": "nobody"},
    "signed with the public key as a shared secret": {"signed_by": "public key"},
    "signed by a stranger": {"signed_by": "stranger"},
    "an unknown key": {"header": {"kid": MARK}},
    "a header that must be understood": {"header": {"crit": [MARK], MARK: 1}},
}


"""What is wrong with a logout token."""

NO_TOKENS = ["", "x", "e30.e30.", f"{MARK}.{MARK}.{MARK}", "e30." * 3000]


def logout_claims(visitor: Visitor, **changes: Any) -> dict[str, Any]:
    """Of a logout token for the person's session there (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
    honest = {
        "iss": visitor.issuer.url, "aud": CLIENT, "iat": {"in": 0}, "exp": {"in": 120},
        "jti": f"logout-{next(_numbers)}", "sid": visitor.issuer.session, "events": {EVENT: {}},
    }  # fmt: skip
    return honest | changes


def send(client: FlaskClient, token: str) -> TestResponse:
    return client.post("/oidc/backchannel-logout", data={"logout_token": token})


def assert_refused(provided: Provided, token: str, visitor: Visitor) -> None:
    before = provided.last_event()
    answer = send(provided.app.test_client(), token)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-store")
    assert MARK not in answer.get_data(as_text=True)
    events = provided.events(LOGOUT_REFUSED, "sessions.ended_by_provider", "session.ended", after=before)
    assert [each.action for each in events] == [LOGOUT_REFUSED]
    assert MARK not in events[0].detail and '"reason"' in events[0].detail
    assert visitor.is_signed_in()


@pytest.fixture(scope="module")
def inside(provided: Provided) -> Visitor:
    """Somebody who stays signed in."""
    visitor = provided.visitor()
    assert visitor.sign_in_there().status_code == 303
    return visitor


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_logout_token_ends_no_session(provided: Provided, inside: Visitor, wrong: str) -> None:
    """◆ Fails, case by case, when that claim or the signature is not looked at."""
    claims = logout_claims(inside, **BAD[wrong].get("claims", {}))
    token = inside.issuer.sign(claims, BAD[wrong].get("signed_by", "key"), **BAD[wrong].get("header", {}))
    assert_refused(provided, token, inside)


def test_what_is_no_token_ends_no_session_and_asks_no_provider(provided: Provided, inside: Visitor) -> None:
    """Anybody can send it. Fails when a provider is asked before the token is looked at."""
    quiet = provided.provider.issuer("issuer-0")
    for token in [*NO_TOKENS, quiet.sign({"iss": f"{quiet.url}/", "sub": MARK})]:
        assert_refused(provided, token, inside)
    assert quiet.requests() == []


def test_an_id_token_is_no_logout_token(provided: Provided, inside: Visitor) -> None:
    claims = {"sub": "248289761001", "auth_time": {"in": 0}, "events": None, "nonce": MARK}
    assert_refused(provided, inside.issuer.sign(logout_claims(inside, **claims)), inside)


def test_a_logout_token_counts_once(provided: Provided) -> None:
    """◆ Somebody who saw it can't keep a person out. Fails when `jti` is not remembered."""
    visitor = provided.visitor("issuer-1")
    visitor.sign_in_there()
    token = visitor.issuer.sign(logout_claims(visitor))
    assert send(provided.app.test_client(), token).status_code == 200 and not visitor.is_signed_in()
    visitor.sign_in_there()
    assert_refused(provided, token, visitor)


def test_a_provider_ends_no_session_of_another(provided: Provided, inside: Visitor) -> None:
    """◆ Whatever session and person it names. Fails when sessions are found without their issuer."""
    evil = provided.visitor("other")
    evil.sign_in_there()
    for named in ({"sid": inside.issuer.session}, {"sid": None, "sub": "248289761001"}):
        assert send(provided.app.test_client(), evil.issuer.sign(logout_claims(evil, **named))).status_code == 200
        assert inside.is_signed_in()
    assert not evil.is_signed_in(), "its own person is signed out"
