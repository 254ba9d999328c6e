"""Hostile OAuth requests to a live server: never a 5xx, never a token, and nothing that is counted or kept."""

import random
from base64 import b64encode
from urllib.parse import quote

import pytest
import requests

from app.services import Services
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

ENDPOINTS = [
    f"/oauth{version}/{name}{slash}"
    for name in ("token", "introspect", "revoke")
    for version in ("", "/v2")
    for slash in ("", "/")
]
METHODS = ["POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS"]
TYPES = ["application/x-www-form-urlencoded", "application/json", "x", ""]
NAMES = ["grant_type", "client_id", "client_secret", "refresh_token", "token", "token_type_hint", "scope", "code"]
JUNK = [
    "",
    ":",
    "%",
    "%ff",
    "\0",
    "\r\nSet-Cookie: a=b",
    "None",
    "client_credentials",
    "refresh_token",
    "x" * 5000,
    "é",
]
ROUNDS = 120


def test_no_request_to_an_oauth_endpoint_is_a_5xx_or_opens_anything(
    live_server: LiveServer, services: Services
) -> None:
    """Pieces of good requests in wrong places, and what no client sends. From a seed, so that a failure comes again.

    Basic at the token endpoint alone: elsewhere it would be counted as a wrong password of this address.
    """
    refresh, other = (issue(services, make_user(services)) for _ in range(2))
    access = mint(services, refresh)
    chance, granted = random.Random(7), []
    crossed = other.secret[:17] + refresh.secret[17:]
    near = [refresh.secret[:-1], refresh.secret.upper(), f" {refresh.secret}", f"{refresh.secret}%", crossed]
    texts = [*near, access.secret, refresh.token.public_id, *JUNK]
    with requests.Session() as session:
        for _ in range(ROUNDS):
            path = chance.choice(ENDPOINTS)
            form = "&".join(f"{chance.choice(NAMES)}={quote(chance.choice(texts), safe='%')}" for _ in range(3))
            basic = b64encode(f"{chance.choice(texts)}:{chance.choice(texts)}".encode()).decode()
            scheme = chance.choice(["Basic", "basic", "Bearer", "Digest"] if "token" in path else ["Bearer", "Digest"])
            headers = {"Authorization": f"{scheme} {chance.choice([basic, basic[:-3], '='])}"}
            headers |= {"Content-Type": chance.choice(TYPES)}
            answer = session.request(
                chance.choice(METHODS), live_server.url + path, data=form, headers=headers, allow_redirects=False,
                timeout=60,
            )  # fmt: skip
            assert answer.status_code in (200, 400, 401, 405), (answer.status_code, form, answer.text)
            assert answer.headers["Cache-Control"] == "no-store"
            granted += [answer.text] if "access_token" in answer.text else []
    assert granted == []
    assert services.verifier.verify(access.secret)
