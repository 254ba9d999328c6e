"""A provider whose answers are no answers: huge, slow, of another kind, or pointing elsewhere."""

import json
import time
from typing import Any

import pytest

from app.providers import fetching
from app.providers.fetching import Exchange
from tests.drivers.provider import Issuer
from tests.hostile.provided import MARK, SCRIPT, Provided, assert_refused

METADATA = "http://169.254.169.254/latest/meta-data/"

DISCOVERY: dict[str, dict[str, Any]] = {
    "huge": {"megabytes": 50},
    "text": {"body": SCRIPT},
    "a list": {"body": "[]"},
    "deep": {"body": "[" * 100_000},
    "missing": {"status": 404, "body": SCRIPT},
    "failing": {"status": 500, "body": SCRIPT},
    "elsewhere": {"status": 302, "headers": {"Location": METADATA}},
    "here": {"status": 307, "headers": {"Location": "CANARY"}},
    "another issuer": {"json": {"issuer": f"https://{MARK}.example.com"}},
    "no issuer": {"json": {"issuer": None}},
    "script to sign in": {"json": {"authorization_endpoint": f"javascript:{SCRIPT}"}},
    "data to sign in": {"json": {"authorization_endpoint": f"data:text/html,{SCRIPT}"}},
    "new line to sign in": {"json": {"authorization_endpoint": f"CANARY/authorize\r\nX-{MARK}: 1"}},
    "file of tokens": {"json": {"token_endpoint": "file:///etc/passwd"}},
    "tokens without tls": {"json": {"token_endpoint": f"http://{MARK}.example.com/token"}},
    "tokens from the inside": {"json": {"token_endpoint": METADATA}},
    "tokens from a list": {"json": {"token_endpoint": ["x"]}},
    "no tokens": {"json": {"token_endpoint": None}},
    "no keys": {"json": {"jwks_uri": None}},
    "keys from the inside": {"json": {"jwks_uri": METADATA}},
}
"""What is wrong with the discovery document."""

TEN_THOUSAND = [{"kty": "RSA", "kid": str(number)} for number in range(10_000)]
SYMMETRIC = {"kty": "oct", "k": "c2VjcmV0", "kid": "key-of-issuer", "alg": "HS256"}

KEYS: dict[str, dict[str, Any]] = {
    "symmetric": {"json": {"keys": [SYMMETRIC]}},
    "ten thousand": {"json": {"keys": TEN_THOUSAND}},
    "two hundred": {"json": {"keys": TEN_THOUSAND[:200]}},
    "none": {"json": {"keys": []}},
    "text": {"json": {"keys": SCRIPT}},
    "no keys": {"json": {"keys": [7, None, {}, {"kty": [MARK]}, {"kty": "RSA", "n": MARK, "e": "AQAB"}]}},
    "huge": {"megabytes": 50},
    "elsewhere": {"status": 302, "headers": {"Location": METADATA}},
    "failing": {"status": 500, "body": SCRIPT},
}
"""What is wrong with the keys that it publishes."""

TOKEN: dict[str, dict[str, Any]] = {
    "failing": {"status": 500, "body": SCRIPT},
    "busy": {"status": 503, "json": {"id_token": None}, "headers": {"Retry-After": "86400"}},
    "a page": {"body": SCRIPT, "headers": {"Content-Type": "text/html"}},
    "a list": {"body": "[1]"},
    "elsewhere": {"status": 302, "headers": {"Location": METADATA}},
    "here": {"status": 308, "headers": {"Location": "CANARY"}},
    "huge": {"megabytes": 50},
    "refused, in a script": {"status": 400, "json": {"error": SCRIPT, "error_description": SCRIPT}},
    "without an id token": {"json": {"id_token": None}},
    "with a number for an id token": {"json": {"id_token": 7}},
    "with text for an id token": {"json": {"id_token": SCRIPT}},
    "with an id token of 1 MB": {"json": {"id_token": "e30." * 262_144}},
    "with a list for an access token": {"json": {"access_token": [MARK]}},
    "with another access token": {"json": {"access_token": f"{MARK}\r\nX-Header: y"}},
    "with an access token of another kind": {"json": {"token_type": MARK}},
}
"""What is wrong with its answer to a code."""

USER_INFO: dict[str, dict[str, Any]] = {
    "of another person": {"json": {"sub": MARK}},
    "of nobody": {"json": {"sub": None}},
    "of a list": {"json": {"sub": ["248289761001"]}},
    "failing": {"status": 500, "body": SCRIPT},
    "a page": {"body": SCRIPT},
    "elsewhere": {"status": 302, "headers": {"Location": METADATA}},
    "huge": {"megabytes": 50},
}
"""What is wrong with its user info."""


def place(wrong: dict[str, Any], canary: Issuer) -> dict[str, Any]:
    """With the address of the canary, which nobody may ask for anything."""
    placed: dict[str, Any] = json.loads(json.dumps(wrong).replace("CANARY", canary.url))
    return placed


@pytest.mark.parametrize(("number", "wrong"), list(enumerate(DISCOVERY)))
def test_a_bad_discovery_document_leads_nobody_anywhere(provided: Provided, number: int, wrong: str) -> None:
    """◆ Nothing is fetched but the document, no redirect is followed, no more than a little is read."""
    canary = provided.provider.issuer("canary")
    visitor = provided.visitor(f"issuer-{number}", answers={"discovery": place(DISCOVERY[wrong], canary)})
    with provided.refusing():
        assert_refused(visitor.begin(), visitor)
    assert canary.requests() == [] and [each["endpoint"] for each in visitor.issuer.requests()] == ["discovery"]
    visitor.issuer.reset()
    assert visitor.sign_in_there().status_code == 303, "one bad document must not be kept"


def test_a_discovery_that_drips_takes_no_longer_than_allowed(
    provided: Provided, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ Each wait for a byte is short, and all together are limited. Fails when only single waits are."""
    monkeypatch.setattr(fetching, "Exchange", lambda _until: Exchange(time.monotonic() + 1))
    visitor = provided.visitor("issuer-38", answers={"discovery": {"drip": 0.05}})  # of a minute in all
    with provided.refusing() as reasons:
        assert_refused(visitor.begin(), visitor)
    assert reasons == ["provider_away"]


@pytest.mark.parametrize(("number", "wrong"), list(enumerate(KEYS, len(DISCOVERY))))
def test_bad_keys_sign_nobody_in(provided: Provided, number: int, wrong: str) -> None:
    visitor = provided.visitor(f"issuer-{number}", answers={"keys": KEYS[wrong]})
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)


@pytest.mark.parametrize("wrong", TOKEN)
def test_a_bad_answer_to_a_code_signs_nobody_in(provided: Provided, wrong: str) -> None:
    canary = provided.provider.issuer("canary")
    visitor = provided.visitor(answers={"token": place(TOKEN[wrong], canary)})
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)
    assert canary.requests() == []


@pytest.mark.parametrize("text", [f"{MARK}\r\nX-Header: y", f"{MARK}\u20ac", f"{MARK}\ud800", "", " ", "x" * 100_000])
def test_an_access_token_that_no_header_can_hold_is_a_refusal(provided: Provided, text: str) -> None:
    """Nothing else of the answer is wrong, and the user info is asked with it."""
    visitor = provided.visitor(answers={"token": {"json": {"access_token": text}}}, claims={"at_hash": None})
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)


@pytest.mark.parametrize("wrong", USER_INFO)
def test_a_bad_user_info_signs_nobody_in(provided: Provided, wrong: str) -> None:
    """◆ Fails, for the other person, when its `sub` is not compared."""
    visitor = provided.visitor(answers={"userinfo": USER_INFO[wrong]})
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)
    assert len(visitor.issuer.asked("userinfo")) == 1


@pytest.mark.parametrize("signed_by", ["nobody", "public key"])
def test_what_a_provider_announces_makes_no_weak_algorithm_good(provided: Provided, signed_by: str) -> None:
    """With a symmetric key among those that it publishes. Fails when its own list is all that counts."""
    announced = {"json": {"id_token_signing_alg_values_supported": ["none", "HS256"]}}
    keys = {"json": {"keys": [SYMMETRIC | {"kid": "key-of-issuer-39"}]}}
    visitor = provided.visitor("issuer-39", answers={"discovery": announced, "keys": keys}, signed_by=signed_by)
    with provided.refusing() as reasons:
        assert_refused(visitor.sign_in_there(), visitor)
    assert reasons == ["bad_algorithm"]
