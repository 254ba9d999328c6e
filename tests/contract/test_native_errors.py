"""How the native API refuses credentials, bodies and addresses that it cannot read: RFC 9457 problems.

Not here: what a single route refuses (``test_native_own`` and its siblings), the table (``test_error_tables``).
"""

from app.services import Services
from tests.contract.asking import BEARER, BEARER_INVALID, bearer
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.contract.conftest import MovableClock, Setting
from tests.factories import issue, mint


def test_a_missing_or_bad_token_is_a_401_that_says_why_in_either_header(
    services: Services, native: Native, anna: Person, clock: MovableClock
) -> None:
    for headers in ({}, {"TOKEN": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        answer = native.get("me", headers=headers)
        assert problem(answer) == (401, "token_missing")
        assert answer.headers["WWW-Authenticate"] == BEARER
    current = mint(services, anna.refresh).secret
    for token, reason, days in (
        ("nonsense", "token_malformed", 0), (anna.refresh.secret, "token_malformed", 0),
        (anna.access.secret, "token_superseded", 0), (current, "token_expired", 2),
    ):  # fmt: skip
        for headers in ({"TOKEN": token}, bearer(token)):
            with clock.later(days=days):
                answer = native.get("me", headers=headers)
            assert problem(answer) == (401, reason)
            assert answer.headers["WWW-Authenticate"] == BEARER_INVALID
    two = {"TOKEN": current, **bearer(person(services, native).access.secret)}
    assert problem(native.get("me", headers=two)) == (401, "token_malformed")


def test_bodies_are_json_objects_of_known_members_and_nothing_else(native: Native) -> None:
    path, proof = "access-tokens", {"refresh_token": "x"}
    for request in ({"data": proof}, {"data": "{}", "content_type": "text/plain"}):
        assert problem(native.send("POST", path, **request)) == (415, "unsupported_media_type")
    for raw in (b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"null"):
        answer = native.send("POST", path, data=raw, content_type="application/json")
        assert problem(answer) == (400, "bad_request"), raw
    assert fields_of(native.post(path, proof | {"user_id": 1})) == ["user_id"]
    assert fields_of(native.post(path, {"refresh_token": 1})) == ["refresh_token"]
    assert problem(native.send("POST", path, data=b"x" * 20_000, content_type="application/json"))[0] == 413


def test_text_is_stored_in_nfc_and_a_refused_character_is_named(
    services: Services, native: Native, anna: Person, setting: Setting
) -> None:
    """And a secret has one spelling: the sign of kelvin is a K in NFC. Fails with secrets in NFC too."""
    with setting(api_can_create_refresh_tokens="on"):
        made = anna.native.post("me/refresh-tokens", {"name": "u\u0308" * 255})
        assert (made.status_code, made.get_json()["name"]) == (201, "\u00fc" * 255)
    for name, flaw in (
        ("\u00fc" * 256, "has 1 to 255 characters"), ("", "has 1 to 255 characters"),
        ("a\u2028", "must not hold a line break: character 2 is U+2028"),
    ):  # fmt: skip
        answer = anna.native.post("me/refresh-tokens", {"name": name})
        assert (problem(answer), answer.get_json()["fields"]) == ((400, "bad_request"), {"name": [flaw]})
    secret = next(each for each in iter(lambda: issue(services, anna.user).secret, "") if "K" in each)
    spelt = native.post("access-tokens", {"refresh_token": secret.replace("K", "\u212a", 1)})
    assert problem(spelt) == (401, "token_malformed")
    assert native.post("access-tokens", {"refresh_token": secret}).status_code == 201


def test_an_address_or_a_method_that_is_none_is_a_problem(native: Native, anna: Person) -> None:
    assert problem(native.get("nothing")) == (404, "not_found")
    assert problem(anna.native.get("me//")) == (404, "not_found")
    wrong = anna.native.send("PUT", "me")
    assert problem(wrong) == (405, "method_not_allowed")
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    raw = {"QUERY_STRING": "a=\xff"}
    assert problem(anna.native.get("me", environ_overrides=raw)) == (400, "bad_request")
    assert anna.native.get("users").get_json()["detail"] == "Only server administrators may do this."
