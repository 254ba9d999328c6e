"""What the APIs say about a mistake in a token's text: a hint, beside a refusal that is otherwise the same."""

import json

import pytest

from app.domain.mistakes import Mistake, hint_at
from app.domain.tokens import TokenKind
from tests.contract import asking
from tests.contract.asking import Alation, AskedGate, Headers, OAuth, Trifacta, bearer, hint_of, refusal
from tests.contract.asking_native import Native, problem
from tests.contract.states import World

WHITE_SPACE = {kind: hint_at(Mistake.WHITE_SPACE, kind) for kind in TokenKind}


@pytest.mark.parametrize("endpoint", asking.WITH_REFRESH_TOKEN)
def test_a_refresh_token_with_a_line_end_is_refused_and_says_that_there_is_white_space(
    alation: Alation, world: World, endpoint: str
) -> None:
    sent = {"refresh_token": f"{world.refresh.secret}\n", "user_id": world.user.id}
    answer = alation.post(endpoint, **sent)
    assert answer.data == (
        b'{"detail":"Refresh token provided is invalid.","code":"401000",'
        b'"message":"Refresh token provided is invalid.","reason":"token_malformed","hint":"%s"}\n'
        % WHITE_SPACE[TokenKind.REFRESH].encode()
    )
    assert "white space around" in answer.text
    assert alation.send("POST", endpoint, data=sent).data == answer.data  # a form
    alation.mint(sent | {"refresh_token": world.refresh.secret})


def test_daypass_own_api_says_so_too(native: Native, world: World) -> None:
    answer = native.post("access-tokens", {"refresh_token": f" {world.refresh.secret}"})
    assert (problem(answer), hint_of(answer)) == ((401, "token_malformed"), WHITE_SPACE[TokenKind.REFRESH])
    assert answer.get_json()["detail"] == "This is not a valid refresh token."
    answer = native.post("access-tokens", {"refresh_token": "nonsense"})
    assert (problem(answer), hint_of(answer)) == ((401, "token_unknown"), None)


def test_every_check_of_an_access_token_says_it_in_the_body_alone(
    alation: Alation, native: Native, trifacta: Trifacta, gate: AskedGate, world: World
) -> None:
    """The headers are the same as without a recognised mistake; they may be passed on by a proxy."""
    secret, user_id = world.access.secret, world.user.id
    validated = alation.post("validateAPIAccessToken", api_access_token=f"{secret}\n", user_id=user_id)
    assert refusal(validated) == (401, asking.ACCESS_INVALID, "token_malformed")
    assert hint_of(validated) == WHITE_SPACE[TokenKind.ACCESS]
    for text in (f'"{secret}"', world.refresh.secret, f"Bearer {secret}"):
        answers = [ask(headers) for headers in ({"TOKEN": text}, bearer(text)) for ask in (
            lambda it: alation.use(**it), lambda it: native.get("me", headers=it), lambda it: gate.verify(**it),
            lambda it: trifacta.person(it),
        )]  # fmt: skip
        assert len({hint_of(answer) for answer in answers}) == 1 and hint_of(answers[0])
        assert not [answer for answer in answers if text in answer.text + str(answer.headers)]
    for ask in (gate.verify, gate.verify_bearer):
        plain, hinted = ask("nonsense").headers, ask(f"{secret}x").headers
        for name in ("X-Request-Id", "Content-Length"):
            plain.pop(name), hinted.pop(name)
        assert list(plain) == list(hinted)


def test_what_is_in_the_database_makes_no_difference(alation: Alation, gate: AskedGate, world: World) -> None:
    for known, kind in ((world.refresh.secret, TokenKind.REFRESH), (world.access.secret, TokenKind.ACCESS)):
        texts = (f"{known}\n", f"{asking.unknown_token(kind)}\n", f"{asking.unknown_token(kind, known[4:16])}\n")
        for name, endpoint in (
            ("refresh_token", "validateRefreshToken"),
            ("api_access_token", "validateAPIAccessToken"),
        ):
            assert asking.are_alike([alation.post(endpoint, **{name: text, "user_id": 1}) for text in texts])
        assert asking.are_alike([gate.verify(f'"{text.strip()}"') for text in texts])


def test_introspection_and_revocation_say_nothing_of_the_token_they_are_asked_about(
    oauth: OAuth, world: World, as_introspector: Headers
) -> None:
    """RFC 7662, section 2.2; RFC 7009, section 2.2. Of the caller's own access token they do."""
    for secret in (world.access.secret, world.refresh.secret):
        for hint in (None, "refresh_token"):
            assert oauth.introspect(f"{secret}\n", hint, as_introspector).data == asking.INACTIVE
            assert oauth.revoke(f"{secret}\n", hint).status_code == 200
    answer = oauth.introspect(world.access.secret, None, bearer(f'"{world.access.secret}"'))
    assert refusal(answer) == (401, "invalid_token", "token_malformed")
    assert hint_of(answer) == hint_at(Mistake.QUOTES, TokenKind.ACCESS)


def test_the_log_has_the_mistake_as_a_word(
    alation: Alation, gate: AskedGate, world: World, log_lines: list[str]
) -> None:
    before = len(log_lines)
    alation.post("validateRefreshToken", refresh_token=f"{world.refresh.secret}\n", user_id=1)
    gate.verify(world.refresh.secret)
    lines = [json.loads(each) for each in log_lines[before:]]
    seen = [(each["reason"], each["mistake"]) for each in lines if each["event"] in ("request", "check_refused")]
    assert seen == [("token_malformed", "white_space"), ("token_malformed", "wrong_kind")]
