"""A provider that lies about who signs in, in its ID tokens and when it sends the browser back: nobody gets in."""

import math
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from app.services import sightings
from app.storage.operating_tables import SingleUseRow
from tests import rows
from tests.crowds import all_at_once
from tests.drivers.provider import CLIENT, query_of
from tests.drivers.provider_tokens import key_of
from tests.hostile.provided import MARK, REFUSED, SCRIPT, Provided, Visitor, assert_refused

OTHER = f"another-client-{MARK}"
MINUTE, HOUR, YEAR = 60, 3600, 365 * 24 * 3600

STRANGER = key_of("stranger").as_dict(private=False)

TOKENS: dict[str, dict[str, Any]] = {
    "signed by nobody": {"signed_by": "nobody"},
    "signed by nobody, in other letters": {"signed_by": "nobody", "header": {"alg": "nOnE"}},
    "signed in a way of no name": {"header": {"alg": MARK}},
    "signed in a list of ways": {"header": {"alg": [MARK]}},
    "signed with the public key as a shared secret": {"signed_by": "public key"},
    "signed by a stranger": {"signed_by": "stranger"},
    "signed by a stranger whose key comes with it": {"signed_by": "stranger", "header": {"jwk": STRANGER}},
    "signed by a stranger whose keys are elsewhere": {
        "signed_by": "stranger",
        "header": {"jku": "https://keys.example.com/"},
    },
    "a header that must be understood": {"header": {"crit": [MARK], MARK: 1}},
    "another issuer": {"claims": {"iss": f"https://{MARK}.example.com"}},
    "no issuer": {"claims": {"iss": None}},
    "another client": {"claims": {"aud": OTHER}},
    "no client": {"claims": {"aud": None}},
    "several clients, for none in particular": {"claims": {"aud": [CLIENT, OTHER]}},
    "several clients, for another of them": {"claims": {"aud": [CLIENT, OTHER], "azp": OTHER}},
    "this client, but for another": {"claims": {"azp": OTHER}},
    "no nonce": {"claims": {"nonce": None}},
    "another nonce": {"claims": {"nonce": MARK}},
    "a nonce that is a list": {"claims": {"nonce": [MARK]}},
    "another access token's digest": {"claims": {"at_hash": MARK}},
    "expired": {"claims": {"exp": {"in": -HOUR}}},
    "without an end": {"claims": {"exp": None}},
    "an end that is no number": {"claims": {"exp": MARK}},
    "an end that nothing compares with": {"claims": {"exp": math.nan}},
    "an end that never comes": {"claims": {"exp": math.inf}},
    "not yet valid": {"claims": {"nbf": {"in": HOUR}}},
    "of next year": {"claims": {"iat": {"in": YEAR}}},
    "of no time": {"claims": {"iat": None}},
    "of a time that is no number": {"claims": {"iat": math.nan}},
    "of nobody": {"claims": {"sub": None}},
    "of an empty name": {"claims": {"sub": ""}},
    "of a number": {"claims": {"sub": 7}},
    "of a list": {"claims": {"sub": [MARK]}},
    "of a name of 10 KB": {"claims": {"sub": MARK * 2560}},
    "of a name with a zero byte": {"claims": {"sub": f"{MARK}\0"}},
    "of a name with half a character": {"claims": {"sub": f"{MARK}\ud800"}},
}
"""What is wrong with the ID token, by what the provider does."""

CALLBACKS: dict[str, dict[str, str | None]] = {
    "from another issuer": {"iss": f"https://{MARK}.example.com"},
    "from no issuer, though it says that it names itself": {"iss": None},
    "without a state": {"state": None},
    "with another state": {"state": MARK},
    "with a state of 100 KB": {"state": MARK * 25_000},
    "without a code": {"code": None},
    "with another code": {"code": MARK},
    "with a code of no characters": {"code": f"{MARK}\0\r\n\u202e\U0001f511"},
    "with a code of 100 KB": {"code": MARK * 25_000},
    "with a refusal that is a script": {"code": None, "error": "access_denied", "error_description": SCRIPT},
    "with a refusal that nobody knows": {"code": None, "error": SCRIPT, "error_uri": f"javascript:{SCRIPT}"},
    "with a code and a refusal": {"error": "access_denied", "error_description": SCRIPT},
}
"""How the browser comes back, by how that differs from what the provider said."""


@pytest.mark.parametrize("lie", TOKENS)
def test_an_id_token_that_proves_nothing_signs_nobody_in(provided: Provided, lie: str) -> None:
    """◆ Fails, case by case, when that claim or the signature is not looked at."""
    visitor = provided.visitor(**TOKENS[lie])
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)


@pytest.mark.parametrize("way", CALLBACKS)
def test_who_comes_back_otherwise_than_sent_is_not_signed_in(provided: Provided, way: str) -> None:
    visitor = provided.visitor()
    with provided.refusing():
        assert_refused(visitor.come_back(visitor.leave(), **CALLBACKS[way]), visitor)
    assert "code" not in visitor.issuer.asked("token") or CALLBACKS[way].get("code")


def test_a_return_signs_in_once(provided: Provided, log_lines: list[str]) -> None:
    """◆ Who reads the address later has nothing, in this browser or another; no log has it. Fails when a state counts
    twice."""
    visitor = provided.visitor(codes_again=True)
    returned = visitor.issuer.come_back(visitor.leave())
    assert visitor.follow(returned).status_code == 303 and visitor.is_signed_in()
    thief = Visitor(provided.app, visitor.issuer)
    with provided.refusing(times=2):
        assert visitor.follow(returned).status_code == 403
        assert_refused(thief.follow(returned), thief)
    assert visitor.is_signed_in()
    sent = visitor.issuer.asked("token")
    assert len(sent) == 1
    secrets = (query_of(returned)["code"], query_of(returned)["state"], sent[0]["code_verifier"])
    assert log_lines and not [line for line in log_lines if any(each in line for each in secrets)]


def test_returns_of_whom_no_provider_signed_in_leave_nothing_in_the_database(provided: Provided) -> None:
    """Anybody can begin, and make up the return. Fails when each is noted as used: a crowd would fill the disk."""
    visitor, before = provided.visitor(), rows.count(provided.database, SingleUseRow)
    for made_up in ({"code": "made-up"}, {"error": "access_denied"}, {"iss": "https://other.example.com"}):
        assert visitor.follow(visitor.issuer.come_back(visitor.leave()), **made_up).status_code == 403
    assert rows.count(provided.database, SingleUseRow) == before


def test_of_many_equal_returns_one_signs_in(provided: Provided) -> None:
    """Sent at the same moment, with all cookies of the browser."""
    visitor = provided.visitor(codes_again=True)
    returned = visitor.issuer.come_back(visitor.leave())
    twins = [Visitor(provided.app, visitor.issuer) for _ in range(6)]
    for twin in twins:
        twin.client._cookies = dict(visitor.client._cookies or {})
    statuses = [answer.status_code for answer in all_at_once([partial(twin.follow, returned) for twin in twins])]
    assert sorted(statuses) == [303, *[403] * 5]


def test_the_return_of_another_browser_signs_nobody_in(provided: Provided) -> None:
    """◆ Else a victim would act in the attacker's account. Fails when the state is looked for in no browser."""
    attacker, victim = provided.visitor(), provided.visitor()
    returned = attacker.issuer.come_back(attacker.leave())
    victim.leave()
    with provided.refusing():
        assert_refused(victim.follow(returned), victim)
    assert attacker.issuer.asked("token") == []


@pytest.mark.parametrize("path", ["other", "honest"])
def test_a_code_of_one_provider_never_goes_to_another(provided: Provided, path: str) -> None:
    """◆ Mix-up (RFC 9207, section 1): the evil one sends the browser on to the honest one, as its client.

    Fails for the one when `iss` is not compared, for the other when a state counts for any provider.
    """
    victim, honest = provided.visitor("other"), provided.provider.issuer("honest")
    asked = query_of(victim.leave())
    theirs = query_of(honest.come_back(f"{honest.url}/authorize?{urlencode(asked)}"))
    with provided.refusing():
        assert_refused(victim.get(f"/login/oidc/{path}/callback", query_string=theirs), victim)
    assert victim.issuer.asked("token") == [] and honest.asked("token") == []


def test_a_hundred_unknown_keys_fetch_the_keys_once(provided: Provided) -> None:
    """◆ Anybody can send them. Fails when each unknown key is looked for anew."""
    visitor, client = provided.visitor("issuer-0", header={"kid": MARK}), provided.app.test_client()
    with provided.refusing(times=10) as reasons:
        for _ in range(10):
            visitor.sign_in_there()
    assert set(reasons) == {"unknown_key"}
    for number in range(90):
        logout_token = visitor.issuer.sign({"iss": visitor.issuer.url}, kid=f"{MARK}-{number}")
        assert client.post("/oidc/backchannel-logout", data={"logout_token": logout_token}).status_code == 400
    assert len(visitor.issuer.asked("keys")) == 1
    visitor.issuer.behave(header={})
    assert visitor.sign_in_there().status_code == 303


def test_a_refused_sign_in_leaves_the_session_of_before(provided: Provided) -> None:
    """What a provider does wrong takes nothing away."""
    visitor = provided.visitor()
    visitor.sign_in_there()
    visitor.issuer.behave(signed_by="stranger")
    with provided.refusing(times=2):
        there = visitor.leave(proof="1")
        assert visitor.come_back(there).status_code >= 400
        assert visitor.follow("/login/oidc/honest/callback?error=access_denied").status_code >= 400
    assert visitor.is_signed_in()


def test_a_crowd_with_invented_returns_writes_a_few_events_a_minute(provided: Provided) -> None:
    """They need no provider. Fails when each has its row whatever the number."""
    stranger = provided.visitor()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sightings, "MOST_A_MINUTE", 20)
        before = provided.last_event()
        for number in range(60):
            assert stranger.follow(f"/login/oidc/honest/callback?state={number}&code={number}").status_code == 403
        assert len(provided.events(REFUSED, after=before)) <= 2 * 20  # a minute can end meanwhile


def test_no_neighbour_can_plant_the_sign_in_that_a_browser_keeps(provided: Provided) -> None:
    """◆ Another host of the domain would sign its visitors in as somebody else. Fails without the prefix."""
    begun = provided.visitor().client.get("/login/oidc/honest", base_url="https://tokens.example.com")
    kept = [each for each in begun.headers.getlist("Set-Cookie") if "sign_in" in each]
    assert len(kept) == 1 and kept[0].startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(kept[0].split("; ")) and "Domain" not in kept[0]
    longest = "/account/auth?search=" + "x" * 1900
    begun = provided.visitor().client.get("/login/oidc/honest", query_string={"next": longest})
    assert all(len(each) < 4096 for each in begun.headers.getlist("Set-Cookie")), "browsers drop longer ones"
