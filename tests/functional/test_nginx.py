"""Daypass behind a real nginx with the shipped configuration, in front of an API: who reaches it, and as whom."""

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path

import pytest
import requests

from app.domain.identity import Role
from app.domain.text import LONGEST_TEXT
from app.http.context import parts
from app.services import Services
from app.services.user_changes import LONGEST_PROFILE
from config import Settings
from tests.crowds import all_at_once
from tests.databases import SqliteFiles, application, destroy
from tests.drivers.alation import Alation
from tests.drivers.nginx import API, TOKENS, Nginx, SampleApi, free_port
from tests.drivers.raw import Answer, RawHttp
from tests.drivers.server import LiveServer
from tests.drivers.workers import connections_of_workers
from tests.factories import Access, allowed_user, enable, generate, issue, make_user, mint, revoke
from tests.functional.test_revocation import ENDINGS, begin_round
from tests.patience import PATIENCE_SECONDS
from tests.secrecy import secrets_in

ROUNDS, AT_ONCE = 14, 2
"""Each round checks AT_ONCE times before and AT_ONCE times after."""

"""A gateway that gives up by itself takes a minute."""

STALLED = 64
"""Clients that stall in the middle of a body: twice as many as the two workers have threads."""

FACE = "\N{GRINNING FACE}"
FORGED = "forged-by-the-caller"
IDENTITY = (
    "X-Auth-User-Id", "X-Auth-User", "X-Auth-Email", "X-Auth-Role", "X-Auth-Token-Id", "X-Auth-Token-Name",
    "X-Auth-Token-Kind", "X-Auth-Expires-In", "Remote-User",
)  # fmt: skip

_numbers = count(1)

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    str.swapcase,
    lambda name: name.replace("-", "_"),
    lambda name: name.replace("-", "_").upper(),
    lambda name: name.replace("-", "_", 1),
)


@dataclass(frozen=True)
class Stack:
    """A client's way to the API: nginx, which asks Daypass."""

    daypass: LiveServer
    services: Services
    nginx: Nginx
    api: SampleApi
    clients: list[requests.Session]

    def call(self, path: str = "/", client: int = 0, **headers: str) -> requests.Response:
        return self.clients[client].get(f"{self.nginx.url}{path}", headers=headers, timeout=60)

    def raw(self, *lines: str, path: str = "/") -> Answer:
        """A request with exactly these header lines."""
        head = "\r\n".join((f"GET {path} HTTP/1.1", f"Host: {API}", "Connection: close", *lines))
        return RawHttp(self.nginx.port).send(f"{head}\r\n\r\n".encode())

    def status_before_the_body(self, *lines: str) -> int:
        """The status of the answer to a POST with these header lines, of whose body nothing is sent."""
        head = "\r\n".join(("POST /body-to-come HTTP/1.1", f"Host: {API}", *lines))
        with RawHttp(self.nginx.port).connect() as connection:
            connection.sendall(f"{head}\r\n\r\n".encode())
            return Answer.of(connection.recv(65536)).status

    def never_saw(self, path: str) -> bool:
        """Whether no request for `path` has reached the API; one that did is in its log before a later one."""
        later = f"/later-than-{next(_numbers)}"
        assert self.call(later, TOKEN=_good_token(self).secret).status_code == 200
        _until(lambda: self.api.has_seen(later))
        return not self.api.has_seen(path)


@pytest.fixture(scope="module")
def sample_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleApi]:
    with SampleApi(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture(scope="module")
def stack(
    sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory, sample_api: SampleApi
) -> Iterator[Stack]:
    """One for all tests: none of them harms it."""
    folder = tmp_path_factory.mktemp("stack")
    with (
        sqlite_files.fresh(folder) as url,
        LiveServer(url, folder, DAYPASS_TRUSTED_PROXIES="127.0.0.1/32") as daypass,
        application(Settings(instance=str(folder), database_url=url, log_level="ERROR")) as app,
        Nginx(folder, daypass.port, sample_api.port) as nginx,
    ):
        clients = [nginx.session(API) for _ in range(AT_ONCE)]
        yield Stack(daypass, parts(app).services, nginx, sample_api, clients)
        for client in clients:
            client.close()
    written = daypass.log() + nginx.logs() + sample_api.log()
    assert not secrets_in(written), f"logs hold secrets: {secrets_in(written)[:3]}"
    assert "[alert]" not in nginx.logs() and "[emerg]" not in nginx.logs()


def test_a_good_token_reaches_the_api_as_who_its_owner_is_and_not_as_itself(stack: Stack) -> None:
    """Fails without the line for TOKEN, or that for Authorization, in ``protect.conf``."""
    user = make_user(stack.services, role=Role.STEWARD, email="anna@example.com")
    access = mint(stack.services, issue(stack.services, user, "nightly-etl"))
    for headers in ({"TOKEN": access.secret}, {"Authorization": f"Bearer {access.secret}"}):
        answer = stack.call("/reports", **headers)
        assert answer.status_code == 200, answer.text
        seen = answer.json()
        assert seen["path"] == "reports"
        assert not {"Token", "Authorization"} & set(seen["headers"])
        assert 86300 < int(seen["caller"].pop("X-Auth-Expires-In")) <= 86400
        assert seen["caller"] == {
            "X-Auth-User-Id": str(user.id),
            "X-Auth-User": user.username,
            "X-Auth-Email": "anna@example.com",
            "X-Auth-Role": "STEWARD",
            "X-Auth-Token-Id": access.token.public_id,
            "X-Auth-Token-Name": "nightly-etl",
            "X-Auth-Token-Kind": "access",
            "Remote-User": user.username,
        }


def test_names_that_need_encoding_decode_to_what_they_are(stack: Stack) -> None:
    """The longest fail without ``proxy_buffer_size`` in ``ask.conf``: 503."""
    for name, email in (
        ("100 % of it, 50%25", "käthe@example.com"),
        ('quotes " and \\; a=b, c', "日本語@example.com"),
        (FACE * LONGEST_TEXT, f"{FACE * (LONGEST_PROFILE['email'] - 2)}@{FACE}"),
    ):
        access = generate(stack.services, allowed_user(stack.services, email=email), description=name)
        caller = stack.call(TOKEN=access.secret).json()["caller"]
        assert (caller["X-Auth-Token-Name"], caller["X-Auth-Email"]) == (name, email)


def test_forged_identity_headers_do_not_survive(stack: Stack) -> None:
    """A good token's holder claims to be somebody else; the user has no email, so one header has nothing of its own.

    Fails when a ``proxy_set_header`` of ``protect.conf`` is taken out, and with ``underscores_in_headers on``.
    """
    access = _good_token(stack)
    honest = stack.call(TOKEN=access.secret).json()["caller"]
    assert "X-Auth-Email" not in honest
    for number, spell in enumerate(SPELLINGS):
        lines = [f"{spell(name)}: {FORGED}" for name in IDENTITY]
        for forged in (lines, lines * 2):
            answer = stack.raw(f"TOKEN: {access.secret}", *forged)
            assert answer.status == 200, (number, answer.body)
            seen = json.loads(answer.body)["caller"]
            assert honest | {"X-Auth-Expires-In": seen["X-Auth-Expires-In"]} == seen, number
            assert seen["X-Auth-Expires-In"].isdigit()
    for name in IDENTITY:
        assert stack.raw(f"TOKEN: {access.secret}", f"{name} : {FORGED}").status == 400
    # A proxy that honours ``Connection: X-Auth-Role`` would send the API a caller without a role.
    named = ", ".join(("close", *IDENTITY))
    head = f"GET / HTTP/1.1\r\nHost: {API}\r\nConnection: {named}\r\nTOKEN: {access.secret}\r\n\r\n"
    answer = RawHttp(stack.nginx.port).send(head.encode())
    assert json.loads(answer.body)["caller"]["X-Auth-Role"] == "VIEWER"


def test_a_request_without_a_good_token_is_refused_in_daypass_own_words_and_never_reaches_the_api(stack: Stack) -> None:
    revoked = _good_token(stack)
    revoke(stack.services, revoked)
    refused = issue(stack.services, make_user(stack.services)).secret  # a refresh token opens nothing
    for number, (headers, status, reason) in enumerate(
        (
            ({}, 401, "token_missing"),
            ({"Authorization": "Bearer nonsense"}, 401, "token_malformed"),
            ({"Authorization": f"Bearer {refused}"}, 401, "token_malformed"),
            ({"Authorization": f"Bearer {revoked.secret}"}, 401, "token_revoked"),
            ({"TOKEN": "nonsense"}, 403, "token_malformed"),
            ({"TOKEN": refused}, 403, "token_malformed"),
            ({"TOKEN": revoked.secret}, 403, "token_revoked"),
        )
    ):
        path = f"/refused-{number}"
        answer = stack.call(path, **headers, **dict.fromkeys(IDENTITY, FORGED))
        direct = requests.get(f"{stack.daypass.url}/auth/verify", headers=headers, timeout=60)
        assert (answer.status_code, direct.status_code) == (status, status), headers
        assert answer.headers.get("WWW-Authenticate") == direct.headers.get("WWW-Authenticate")
        assert (status == 401) == ("WWW-Authenticate" in answer.headers)
        said = answer.json()
        assert (said["reason"], answer.headers["X-Auth-Reason"]) == (reason, reason)
        # nginx has the headers of the check only.
        expected = {name: value for name, value in direct.json().items() if name != "hint"}
        assert said.keys() == expected.keys() and said["code"] == f"{status}000"
        assert ("exception" in said) == ("TOKEN" not in headers)
        if status == 403:
            assert said == expected
        assert stack.never_saw(path)


def test_two_tokens_are_none_and_the_question_can_not_be_asked_from_outside(stack: Stack) -> None:
    """Fails without ``internal`` in ``ask.conf``."""
    one, another = _good_token(stack), _good_token(stack)
    assert stack.raw(f"TOKEN: {one.secret}", f"TOKEN: {another.secret}").status == 403
    assert stack.raw(f"TOKEN: {one.secret}", f"Authorization: Bearer {another.secret}").status == 403
    assert stack.raw(f"TOKEN: {one.secret}", f"Authorization: Bearer {one.secret}").status == 200
    for path in ("/_daypass/anybody", "/_daypass/administrators", "/%5fdaypass/anybody"):
        assert stack.call(path, TOKEN=one.secret).status_code == 404


def test_an_ended_token_is_refused_on_the_next_request(stack: Stack) -> None:
    """Over connections from nginx to both workers. Fails with a ``proxy_cache`` of one second in ``ask.conf``."""
    owners = {how: make_user(stack.services) for how in ENDINGS}
    asked: set[int] = set()
    with stack.nginx.session(TOKENS) as session:
        client = Alation(stack.nginx.url, session)
        for how in islice(cycle(ENDINGS), ROUNDS):
            act, reason = ENDINGS[how]
            now = begin_round(stack.services, owners[how], client)
            assert _uses(stack, now.access.secret) == [(200, None)] * AT_ONCE, how
            # nginx keeps the connections over which it was answered 200
            asked |= {worker for worker, held in connections_of_workers(stack.daypass).items() if held}
            act(now)
            assert _uses(stack, now.access.secret) == [(403, reason)] * AT_ONCE, how
            enable(stack.services, owners[how].username)
    assert len(asked) == 2, "nginx asked one worker only"


def _uses(stack: Stack, secret: str) -> list[tuple[int, str | None]]:
    answers = all_at_once([partial(stack.call, "/", number, TOKEN=secret) for number in range(AT_ONCE)])
    return [(answer.status_code, answer.headers.get("X-Auth-Reason")) for answer in answers]


def test_a_condition_keeps_out_who_does_not_satisfy_it_whatever_they_ask_for(stack: Stack) -> None:
    """Fails without the query in ``daypass.conf``, and with ``location /admin/`` for ``/admin``."""
    viewer, administrator = _good_token(stack), _good_token(stack, Role.SERVER_ADMIN)
    assert stack.call("/admin/users", TOKEN=administrator.secret).status_code == 200
    for path in (
        "/admin", "/admin/only", "/%61dmin/only", "//admin/only", "/x/../admin/only", "/admin/only?role=VIEWER",
    ):  # fmt: skip
        answer = stack.raw(f"TOKEN: {viewer.secret}", path=path)
        assert (answer.status, json.loads(answer.body)["reason"]) == (403, "not_permitted"), path
        assert stack.never_saw(path.partition("?")[0])
    answer = stack.call("/admin/users", Authorization=f"Bearer {viewer.secret}")
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_permitted")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert answer.json()["exception"]["name"] == "AccessControlException"
    for query in ("role=SERVER_ADMIN", "kind=none"):  # the client's query is no condition
        assert stack.call(f"/?{query}", TOKEN=viewer.secret).status_code == 200


def test_bodies_reach_the_api_whole(stack: Stack) -> None:
    access = _good_token(stack)
    for body in (b"", b"x", os.urandom(1_000_000)):
        for data in (body, iter([body[:1000], body[1000:]])):  # with a length, and in chunks
            answer = stack.clients[0].post(
                f"{stack.nginx.url}/upload", data=data, headers={"TOKEN": access.secret}, timeout=60
            )
            assert answer.status_code == 200, answer.text
            assert answer.json()["body"] == hashlib.sha256(body).hexdigest()


def test_bodies_that_are_too_large_or_come_without_a_good_token_are_not_received(stack: Stack) -> None:
    access = _good_token(stack)
    assert stack.status_before_the_body(f"TOKEN: {access.secret}", f"Content-Length: {11 * 1024 * 1024}") == 413
    assert stack.status_before_the_body("Content-Length: 1000000") == 401
    assert stack.never_saw("/body-to-come")


def test_daypass_itself_is_served_with_its_own_answers(stack: Stack) -> None:
    with stack.nginx.session(TOKENS) as session:
        url = stack.nginx.url
        for size, said in ((20_000, {"reason": "request_entity_too_large"}), (100_000, None)):
            answer = session.post(f"{url}/integration/v1/createAPIAccessToken/", data=b"x" * size, timeout=60)
            assert answer.status_code == 413
            if said:
                assert answer.json() | said == answer.json()
        assert session.get(f"{url}/auth/verify", timeout=60).headers["X-Auth-Reason"] == "token_missing"
        assert session.get(f"{url}/readyz", timeout=60).json()["ready"]
        assert session.get(f"{url}/metrics", timeout=60).status_code == 404


def test_a_forged_address_is_not_believed(stack: Stack) -> None:
    """Fails with ``$proxy_add_x_forwarded_for`` in ``ask.conf``."""
    for name in ("X-Forwarded-For", "X_Forwarded_For", "Forwarded"):
        request_id = stack.call(**{name: "203.0.113.9", "TOKEN": "nonsense"}).headers["X-Request-Id"]
        line = next(each for each in stack.daypass.log().splitlines() if request_id in each)
        assert json.loads(line)["address"] == "127.0.0.1"


def test_slow_bodies_wait_at_nginx_and_leave_daypass_alone(stack: Stack) -> None:
    """Fails with ``proxy_request_buffering off``: mints are answered 503."""
    refresh = issue(stack.services, make_user(stack.services))
    head = f"POST /integration/v1/createAPIAccessToken/ HTTP/1.1\r\nHost: {TOKENS}\r\nContent-Length: 1000\r\n\r\n{{"
    stalled = [socket.create_connection(("127.0.0.1", stack.nginx.port), timeout=60) for _ in range(STALLED)]
    try:
        for each in stalled:
            each.sendall(head.encode())
        time.sleep(0.3)
        with stack.nginx.session(TOKENS) as session:
            for _ in range(5):
                assert Alation(stack.nginx.url, session).mint(refresh.secret, refresh.token.user_id).status_code == 201
    finally:
        for each in stalled:
            each.close()


def test_nginx_writes_down_who_called_and_why_not_but_no_query(stack: Stack) -> None:
    access = _good_token(stack)
    stack.call("/logged?secret=of-the-query", TOKEN=access.secret)
    stack.call("/not-logged-in?secret=of-the-query", TOKEN="nonsense")
    _until(lambda: "/not-logged-in" in (stack.nginx.folder / "api.log").read_text())
    lines = [json.loads(line) for line in (stack.nginx.folder / "api.log").read_text().splitlines()]
    good, bad = (next(line for line in lines if line["path"] == path) for path in ("/logged", "/not-logged-in"))
    assert (good["user_id"], good["token_id"]) == (str(access.token.user_id), access.token.public_id)
    assert (good["status"], bad["status"], bad["reason"]) == (200, 403, "token_malformed")
    assert "of-the-query" not in (stack.nginx.folder / "api.log").read_text()


def test_while_daypass_is_down_or_without_its_database_everything_is_a_503(
    database_url: str, services: Services, sample_api: SampleApi, tmp_path: Path
) -> None:
    """And when to come back: 401 and 403 would make every client mint again. nginx finds Daypass when it is up.

    Fails without ``error_page 500`` in ``protect.conf``.
    """
    secret = mint(services, issue(services, make_user(services))).secret
    path = f"/away-{next(_numbers)}"
    daypass = LiveServer(database_url, tmp_path, workers=1)
    with Nginx(tmp_path, daypass.port, sample_api.port) as nginx, nginx.session(API) as session:
        use = partial(session.get, f"{nginx.url}{path}", headers={"TOKEN": secret}, timeout=60)
        _assert_unavailable(use())
        _assert_unavailable(session.get(f"{nginx.url_one}/integration/v1/userinfo/", timeout=60))
        with daypass:
            assert session.get(f"{nginx.url}/readyz", headers={"Host": TOKENS}, timeout=60).status_code == 200
            for ending in ("", "-wal"):  # a file that is open stays readable after it was deleted
                Path(f"{database_url.removeprefix('sqlite:///')}{ending}").open("w").close()
            destroy(database_url)
            _assert_unavailable(use())
    assert not secrets_in(daypass.log() + nginx.logs())
    assert not sample_api.has_seen(path)


def test_a_sites_own_error_pages_do_not_open_the_door(sample_api: SampleApi, tmp_path: Path) -> None:
    """The site answers faults with a page, and 200. Fails without ``error_page`` in ``ask.conf``."""
    also = "error_page 500 502 503 504 =200 /sorry; location = /sorry { return 200 sorry; }"
    with Nginx(tmp_path, free_port(), sample_api.port, also) as nginx, nginx.session(API) as session:
        _assert_unavailable(session.get(f"{nginx.url}/open-door", timeout=60))
        assert session.get(f"{nginx.url}/sorry", timeout=60).text == "sorry"
        assert not sample_api.has_seen("/open-door")


def _good_token(stack: Stack, role: Role = Role.VIEWER) -> Access:
    return mint(stack.services, issue(stack.services, make_user(stack.services, role=role)))


def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _assert_unavailable(answer: requests.Response) -> None:
    said = answer.json()
    assert (answer.status_code, said["reason"], said["code"]) == (503, "unavailable", "503000")
    assert int(answer.headers["Retry-After"]) >= 1
