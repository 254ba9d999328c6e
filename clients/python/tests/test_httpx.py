"""`httpx`, with and without async, behaves as `requests` does. (Redirects: ``test_redirects``.)"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client import RefreshTokenRevoked, WrongAddress
from daypass_client.httpx_auth import AsyncClient, Client, HttpxAuth
from tests.factories import OPERATOR


def auth_for(daypass: Daypass, refresh: Issued[RefreshToken], *apis: str) -> HttpxAuth:
    return HttpxAuth(url=daypass.url, refresh_token=refresh.secret, apis=apis)


@pytest.mark.parametrize("kind", [httpx.Client, Client])
def test_it_mints_once_and_again_after_a_revocation(
    daypass: Daypass, refresh: Issued[RefreshToken], kind: type[httpx.Client]
) -> None:
    with kind(auth=auth_for(daypass, refresh), base_url=daypass.url) as client:
        assert [client.get("/api/v1/me").status_code for _ in range(3)] == [200] * 3
        assert daypass.mints(refresh) == 1
        daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), OPERATOR)
        again = client.get("/api/v1/me")
        assert (again.status_code, [each.status_code for each in again.history]) == (200, [401])
        assert daypass.mints(refresh) == 2
        daypass.services.revoking.revoke(refresh.token.public_id, "a test", OPERATOR)
        with pytest.raises(RefreshTokenRevoked):
            client.get("/api/v1/me")


@pytest.mark.parametrize("kind", [httpx.AsyncClient, AsyncClient])
def test_tasks_that_are_refused_at_once_mint_once(
    daypass: Daypass, refresh: Issued[RefreshToken], kind: type[httpx.AsyncClient]
) -> None:
    async def call_all(client: httpx.AsyncClient) -> set[int]:
        answers = await asyncio.gather(*(client.get("/api/v1/me") for _ in range(10)))
        return {answer.status_code for answer in answers}

    async def scenario() -> list[set[int]]:
        async with kind(auth=auth_for(daypass, refresh), base_url=daypass.url, timeout=60) as client:
            first = await call_all(client)
            daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), OPERATOR)
            return [first, await call_all(client)]

    assert asyncio.run(scenario()) == [{200}, {200}]
    assert daypass.mints(refresh) == 2


def test_an_async_client_does_not_block_the_event_loop_while_it_mints(recorder: Recorder) -> None:
    """Fails when the mint runs in the event loop (tried)."""
    recorder.script.append(Answer(503, {}, {"Retry-After": "1"}))
    recorder.answer = lambda _seen: Answer(201, {"secret": "opaque-token"})

    async def scenario() -> int:
        steps = 0
        async with AsyncClient(HttpxAuth(url=recorder.url, refresh_token="opaque-refresh")) as client:
            call = asyncio.create_task(client.get(f"{recorder.url}/x"))
            while not call.done():
                await asyncio.sleep(0.01)  # in the second of the pause, often, however slow the machine
                steps += 1
        return steps

    assert asyncio.run(scenario()) > 10


def test_our_clients_send_token_and_httpx_clients_bearer(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    auth = auth_for(daypass, refresh, recorder.url)
    with Client(auth) as client:
        client.get(recorder.url)
    httpx.get(recorder.url, auth=auth)
    ours, other = recorder.seen
    assert ours.token
    assert "Authorization" not in ours.headers
    assert other.token is None
    assert f"Authorization: Bearer {ours.token}" in other.headers


def test_later_hooks_do_not_send_the_token_elsewhere(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, another_recorder: Recorder
) -> None:
    """Nor does a redirect that the caller follows."""
    recorder.answer = lambda _seen: Answer(302, headers={"Location": another_recorder.url})
    with Client(auth_for(daypass, refresh, recorder.url, another_recorder.url)) as client:
        client.event_hooks = {"request": [lambda _request: None]}
        client.get(recorder.url, follow_redirects=True)
        answer = client.get(recorder.url)
        assert answer.next_request is not None
        client.send(answer.next_request)
        client.send(client.get(recorder.url).next_request, auth=None)  # type: ignore[arg-type]
    assert [seen.token for seen in another_recorder.seen] == [None] * 3


def test_http_on_port_80_is_for_our_clients_only(refresh: Issued[RefreshToken]) -> None:
    """There httpx keeps the header on a redirect from http to https."""
    auth = HttpxAuth(url="http://daypass.example.com", refresh_token=refresh.secret, allow_http=True)
    with pytest.raises(WrongAddress, match="or better https"):
        httpx.get("http://daypass.example.com/", auth=auth)


def chunks() -> Iterator[bytes]:
    yield b"one"


async def chunks_async() -> AsyncIterator[bytes]:
    yield b"one"


def test_a_body_that_can_be_sent_only_once_is_sent_once(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    auth = auth_for(daypass, refresh, recorder.url)
    refusal = Answer(401, {"reason": "token_revoked"})

    async def post() -> httpx.Response:
        async with AsyncClient(auth) as client:
            return await client.post(recorder.url, content=chunks_async())

    for send in (lambda: httpx.post(recorder.url, content=chunks(), auth=auth), lambda: asyncio.run(post())):
        recorder.script.append(refusal)
        answer = send()
        assert (answer.status_code, answer.json()) == (401, {"reason": "token_revoked"})
    recorder.script.append(refusal)
    assert httpx.post(recorder.url, json={"a": 1}, auth=auth).status_code == 200
    assert [seen.body.replace(" ", "") for seen in recorder.seen] == ["one", "one", '{"a":1}', '{"a":1}']


def test_any_other_refusal_is_returned_unchanged(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    recorder.answer = lambda _seen: Answer(403, {"reason": "not_permitted"})
    answer = httpx.get(recorder.url, auth=auth_for(daypass, refresh, recorder.url))
    assert (answer.status_code, answer.json(), len(recorder.seen)) == (403, {"reason": "not_permitted"}, 1)
    assert daypass.mints(refresh) == 1
