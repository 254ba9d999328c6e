"""Paths and methods of the Trifacta dialect: any letter case, with or without a slash, and what none of them is.

Not here: what a route answers (``test_trifacta_successes``).
"""

import re
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask

from app.api.v4.paths import CanonicalPaths, canonical
from app.services import Services
from tests.contract.asking_trifacta import DOCUMENT, NO_SUCH_TOKEN, PERSON, TOKENS, Headers, Trifacta, said

ROUTES = (TOKENS, PERSON, DOCUMENT)

NO_ROUTE = (404, "RouteNotFoundException", None)


def spellings(path: str) -> list[str]:
    """The same path as SDKs and people write it."""
    cased = (path, path.lower(), path.upper(), path.title(), path.swapcase())
    return [form for each in cased for form in (each, f"{each}/")]


@pytest.mark.parametrize("path", ROUTES)
def test_letter_case_and_a_slash_at_the_end_make_no_difference(
    trifacta: Trifacta, as_allowed: Headers, path: str
) -> None:
    expected = trifacta.send("GET", path, as_allowed)
    assert expected.status_code == 200
    for spelling in spellings(path):
        answer = trifacta.send("GET", spelling, as_allowed)
        assert (answer.status_code, answer.data) == (200, expected.data), spelling


def test_tokens_are_made_shown_and_deleted_under_every_spelling(trifacta: Trifacta, as_allowed: Headers) -> None:
    """A 301 would turn a POST into a GET."""
    for spelling in spellings(TOKENS):
        made = trifacta.send("POST", spelling, as_allowed, json={"lifetimeSeconds": 60})
        assert made.status_code == 201, spelling
        info = made.get_json()["tokenInfo"]
        base, slash = spelling.rstrip("/"), "/" * spelling.endswith("/")
        for token_id in (info["tokenId"], info["tokenId"].upper()):
            shown = trifacta.send("GET", f"{base}/{token_id}{slash}", as_allowed)
            assert (shown.status_code, shown.get_json()) == (200, info)
        assert trifacta.send("DELETE", f"{base}/{info['tokenId']}{slash}", as_allowed).status_code == 204


@pytest.mark.parametrize(
    "token_id",
    [
        ":tokenId", ":TOKENID", "x", "-1", "0", "null", "00000000-0000-0000-0000-000000000000",
        "123e4567-e89b-42d3-a456-426614174000", "123e4567e89b42d3a456426614174000",
        "{123e4567-e89b-42d3-a456-426614174000}", "urn:uuid:123e4567-e89b-42d3-a456-426614174000", "%00", "%E2%82%AC",
        "%FF", "a" * 4000, "apiAccessTokens", "v4",
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_an_id_that_nobody_has_is_a_404_of_its_own(trifacta: Trifacta, as_allowed: Headers, token_id: str) -> None:
    for method in ("GET", "DELETE"):
        for slash in ("", "/"):
            answer = trifacta.send(method, f"{TOKENS}/{token_id}{slash}", as_allowed)
            assert said(answer) == NO_SUCH_TOKEN, method


def test_the_404_of_an_id_to_the_byte(trifacta: Trifacta, as_allowed: Headers) -> None:
    assert trifacta.shown(as_allowed, ":tokenId").data == (
        b'{"exception":{"name":"DataNotFoundException","message":"Data not found",'
        b'"details":"There is no such token."}}\n'
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v4", "/v4/", "/V4/", "/v4/nothing", "/v4/awsConfigs/current", "/v4/people", "/v4/people/1", "/v4/flows/",
        "/v4/apiAccessToken", "/v4/apiAccessTokens/a/b", "/v4//apiAccessTokens", "/v4/apiAccessTokens//",
        "//v4/apiAccessTokens", "/v4/apiAccessTokens//a", "/V4/OPEN-API-SPEC/X", "/v4/%2e%2e/healthz", "/v4/%ff",
    ],
)  # fmt: skip
def test_an_unknown_path_is_a_404_without_a_redirect(trifacta: Trifacta, as_allowed: Headers, path: str) -> None:
    # As a server hands it over: percent-decoded, each byte a character. (The client would lose the `//`.)
    path_info = unquote_to_bytes(path).decode("latin-1")
    for headers in ({}, as_allowed):
        assert said(trifacta.send("GET", "/", headers, environ_overrides={"PATH_INFO": path_info})) == NO_ROUTE


def test_the_404_of_a_path_to_the_byte(trifacta: Trifacta) -> None:
    assert trifacta.send("GET", "/v4/nothing").data == (
        b'{"exception":{"name":"RouteNotFoundException","message":"Route doesn\'t exist","details":null}}\n'
    )


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [(TOKENS, {"GET", "HEAD", "POST"}), (f"{TOKENS}/x", {"GET", "HEAD", "DELETE"})]
    + [(path, {"GET", "HEAD"}) for path in (PERSON, DOCUMENT)],
)
def test_another_method_is_a_405_that_names_those_there_are(
    trifacta: Trifacta, as_allowed: Headers, path: str, allowed: set[str], slash: str
) -> None:
    """A token can't be modified or extended: there is no PUT and no PATCH."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        answer = trifacta.send(method, f"{path}{slash}", as_allowed, json={"lifetimeSeconds": 5})
        assert said(answer) == (405, "MethodNotAllowedException", None)
        assert set(re.split(", *", answer.headers["Allow"])) == allowed


def test_headers_that_the_contract_ignores_have_no_effect(
    trifacta: Trifacta, as_allowed: Headers, services: Services
) -> None:
    names = (
        "x-csrf-token", "x-alteryx-workspace-gid", "x-api-project-id", "x-trifacta-person-workspace-id",
        "x-trifacta-user-id", "x-trifacta-workspace-id",
    )  # fmt: skip
    ignored = {name: "1" for name in names} | {"x-trifacta-request-id": "mine", "Cookie": "a=b"}
    me = trifacta.person(as_allowed)
    assert trifacta.person(as_allowed | ignored).data == me.data
    _, info = trifacta.created(as_allowed | ignored)
    assert trifacta.ids(as_allowed) == trifacta.ids(as_allowed | ignored) == [info["tokenId"]]
    assert trifacta.person(ignored).status_code == 401
    answer = trifacta.send("POST", "/v4/apiaccesstokens/", as_allowed | ignored, json={"lifetimeSeconds": 5})
    assert answer.status_code == 201
    assert answer.headers["x-trifacta-request-id"] != "mine"


def test_other_dialects_paths_keep_their_spelling(app: Flask) -> None:
    seen: list[str] = []

    def application(environ: dict[str, str], _start: object) -> list[bytes]:
        seen.append(environ["PATH_INFO"])
        return []

    paths = ["/INTEGRATION/V4/apiaccesstokens", "/v", "", "/People/Current", "/auth/V4/people"]
    for path in paths:
        CanonicalPaths(application)({"PATH_INFO": path}, lambda *_: None)  # type: ignore[arg-type]
    assert seen == paths


def test_only_the_contracts_own_words_are_respelt() -> None:
    assert canonical("/V4/APIACCESSTOKENS/ABC-Def/") == "/v4/apiAccessTokens/ABC-Def/"
    assert canonical("/v4/People/CURRENT") == PERSON
    assert canonical("/V4/Open-Api-Spec") == DOCUMENT
