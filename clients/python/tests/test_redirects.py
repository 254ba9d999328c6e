"""The token is sent only to the scheme, host and port that it is for, as recording servers see it."""

import ssl
from collections.abc import Callable

import httpx
import pytest
import requests

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import CERTIFICATE, Answer, Recorder, Seen
from daypass_client import DaypassAuth, Session, WrongAddress
from daypass_client.httpx_auth import Client, HttpxAuth

VERIFY = str(CERTIFICATE)

Get = Callable[[str, dict[str, object]], object]


def by_auth(url: str, options: dict[str, object]) -> object:
    return requests.get(url, auth=DaypassAuth(**options), verify=VERIFY, timeout=60)  # type: ignore[arg-type]


def by_auth_of_a_session(url: str, options: dict[str, object]) -> object:
    with requests.Session() as session:
        session.auth = DaypassAuth(**options)  # type: ignore[arg-type]
        return session.get(url, verify=VERIFY, timeout=60)


def by_our_session(url: str, options: dict[str, object]) -> object:
    with Session(DaypassAuth(**options)) as session:  # type: ignore[arg-type]
        return session.get(url, verify=VERIFY, timeout=60)


def by_the_hook_of_our_session_alone(url: str, options: dict[str, object]) -> object:
    """Only the session's own protection, in case `requests` does not call the auth before a redirect."""
    auth = DaypassAuth(**options)  # type: ignore[arg-type]
    auth._answered = lambda response, **_sending: response  # type: ignore[method-assign]
    with Session(auth) as session:
        return session.get(url, verify=VERIFY, timeout=60)


def by_httpx(url: str, options: dict[str, object]) -> object:
    context = ssl.create_default_context(cafile=VERIFY)
    with Client(HttpxAuth(**options), verify=context, follow_redirects=True) as client:  # type: ignore[arg-type]
        return client.get(url)


def by_httpx_alone(url: str, options: dict[str, object]) -> object:
    context = ssl.create_default_context(cafile=VERIFY)
    return httpx.get(url, auth=HttpxAuth(**options), verify=context, follow_redirects=True)  # type: ignore[arg-type]


WAYS: list[Get] = [by_auth, by_auth_of_a_session, by_our_session, by_httpx, by_httpx_alone]

EVERY_WAY = pytest.mark.parametrize("get", [*WAYS, by_the_hook_of_our_session_alone], ids=lambda way: way.__name__)
EVERY_WAY_THAT_REPEATS = pytest.mark.parametrize("get", WAYS, ids=lambda way: way.__name__)


def carries(seen: Seen) -> bool:
    """Whether any part of the request contains an access token."""
    return "dpa_" in seen.path + seen.headers + seen.body


def options_for(daypass: Daypass, refresh: Issued[RefreshToken], *apis: str) -> dict[str, object]:
    return {"url": daypass.url, "refresh_token": refresh.secret, "apis": apis}


def redirecting(**paths: str) -> Callable[[Seen], Answer]:
    """Answers that redirect each path to its URL."""

    def answer(seen: Seen) -> Answer:
        to = paths.get(seen.path.strip("/"))
        return Answer(302, headers={"Location": to}) if to else Answer()

    return answer


@EVERY_WAY
def test_a_redirect_to_another_port_host_or_scheme_carries_no_token(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, another_recorder: Recorder, get: Get
) -> None:
    """Not even if the other address may have the token as well.

    Fails for each way without its protection (tried): the ``del`` in ``DaypassAuth._answered``,
    ``Session.rebuild_auth``, ``_strip_elsewhere``; and for ``HttpxAuth`` alone, if it sends TOKEN.
    """
    secure = f"https://127.0.0.1:{recorder.port}"
    places = {
        "port": (recorder.url, f"{another_recorder.url}/end", another_recorder),
        "host": (recorder.url, f"http://localhost:{recorder.port}/end", recorder),
        "plain": (secure, f"{recorder.url}/end", recorder),
        "noscheme": (recorder.url, f"//localhost:{recorder.port}/end", recorder),
        "disguised": (recorder.url, f"http://127.0.0.1:{recorder.port}@localhost:{another_recorder.port}/end", None),
        "upgrade": (recorder.url, f"{secure}/end", recorder),
    }
    recorder.answer = redirecting(**{name: to for name, (_, to, _) in places.items()})
    options = options_for(daypass, refresh, recorder.url, secure, another_recorder.url)
    for name, (start, _, _) in places.items():
        recorder.seen.clear()
        another_recorder.seen.clear()
        get(f"{start}/{name}", options)
        first, *others = recorder.seen + another_recorder.seen
        assert first.path == f"/{name}"
        assert carries(first)
        assert [seen.path for seen in others] == ["/end"], name
        assert not any(carries(seen) for seen in others), name


@EVERY_WAY
def test_a_redirect_within_one_origin_carries_the_token(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, get: Get
) -> None:
    recorder.answer = redirecting(first="/second", second=f"{recorder.url}/third")
    get(f"{recorder.url}/first", options_for(daypass, refresh, recorder.url))
    assert [seen.path for seen in recorder.seen] == ["/first", "/second", "/third"]
    assert all(carries(seen) for seen in recorder.seen)


@EVERY_WAY
def test_the_token_does_not_return_after_a_redirect_elsewhere(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, another_recorder: Recorder, get: Get
) -> None:
    """Not even on a redirect back to the first origin."""
    recorder.answer = redirecting(first="/second", second=f"{another_recorder.url}/third", fourth="/fifth")
    another_recorder.answer = redirecting(third=f"{recorder.url}/fourth")
    get(f"{recorder.url}/first", options_for(daypass, refresh, recorder.url, another_recorder.url))
    seen = {each.path: carries(each) for each in recorder.seen + another_recorder.seen}
    assert seen == {"/first": True, "/second": True, "/third": False, "/fourth": False, "/fifth": False}


@EVERY_WAY_THAT_REPEATS
def test_a_repeated_request_that_is_redirected_elsewhere_carries_no_token_there(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, another_recorder: Recorder, get: Get
) -> None:
    recorder.script.extend(
        [Answer(401, {"reason": "token_revoked"}), Answer(307, headers={"Location": f"{another_recorder.url}/end"})]
    )
    get(f"{recorder.url}/start", options_for(daypass, refresh, recorder.url))
    assert [carries(seen) for seen in recorder.seen] == [True, True]
    assert [carries(seen) for seen in another_recorder.seen] == [False]
    assert daypass.mints(refresh) == 2


@EVERY_WAY
@pytest.mark.parametrize("where", ["another port", "another host", "no https"])
def test_nothing_is_sent_to_an_address_that_is_not_configured(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, get: Get, where: str
) -> None:
    """An API can return a link, such as that to the next page, to any address."""
    named = {
        "another port": [],
        "another host": [f"http://localhost:{recorder.port}"],
        "no https": [f"https://127.0.0.1:{recorder.port}"],
    }[where]
    with pytest.raises(WrongAddress, match=r"Nothing was sent to http://127\.0\.0\.1:\d+: .*DAYPASS_APIS"):
        get(f"{recorder.url}/", options_for(daypass, refresh, *named))
    assert recorder.seen == []
    assert daypass.mints(refresh) == 0


def test_the_refresh_token_is_not_sent_on_a_redirect(recorder: Recorder, another_recorder: Recorder) -> None:
    recorder.answer = lambda _seen: Answer(307, headers={"Location": another_recorder.url})
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh-token", user_id=7)
    with pytest.raises(WrongAddress, match="Set DAYPASS_URL to the right address"):
        auth.token()
    assert another_recorder.seen == []
