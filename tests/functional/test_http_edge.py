"""What a real server makes of raw bytes on its socket: malformed, oversized, torn and stalled requests.

Each is answered with a 4xx or dropped, never with a 5xx and never not at all, and the server serves on. It has one
worker with four threads for work, so that it is the very process that got the bytes that is asked afterwards.
"""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
import requests

from app.server.spare_threads import MOST_BODIES
from tests.databases import SqliteFiles
from tests.drivers.alation import Alation
from tests.drivers.hostile import http2
from tests.drivers.raw import Answer, RawHttp
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD
from tests.patience import PATIENCE_SECONDS
from tests.secrecy import secrets_in

HOST = b" HTTP/1.1\r\nHost: daypass\r\nConnection: close\r\n"
MINT = b"POST /integration/v1/createAPIAccessToken/"
USERINFO, GATE = b"GET /integration/v1/userinfo/", b"GET /auth/verify"
JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


@dataclass
class Edge(RawHttp):
    """A live server, and a user whose tokens work on it."""

    user_id: int
    refresh_token: str
    access_token: str = ""
    stalled: list[socket.socket] = field(default_factory=list)

    def stall(self, raw: bytes) -> None:
        """Send the beginning of a request and nothing more, ever."""
        self.stalled.append(self.connect())
        self.stalled[-1].sendall(raw)

    def relent(self) -> None:
        """Close the stalled connections."""
        while self.stalled:
            self.stalled.pop().close()

    def post(self, endpoint: bytes, body: bytes, content_type: bytes = JSON) -> Answer:
        """A well-formed request."""
        head = b"POST /integration/v1/" + endpoint + HOST + content_type
        return self.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def wait_for_the_answer(self, status: int) -> None:
        """Until a request with a body is answered so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.post(b"validateRefreshToken", self.proof())).status != status:
            assert time.monotonic() < deadline, answer

    def proof(self, encode: Callable[[dict[str, object]], str] = json.dumps) -> bytes:
        return encode({"refresh_token": self.refresh_token, "user_id": self.user_id}).encode()

    def use(self, *headers: bytes, target: bytes = USERINFO) -> Answer:
        return self.send(target + HOST + b"".join(line + b"\r\n" for line in headers) + b"\r\n")

    def serves(self) -> bool:
        """Whether all is well: alive, minting, and checking tokens."""
        minted = self.post(b"createAPIAccessToken", self.proof())
        self.access_token = json.loads(minted.body)["api_access_token"]
        used = self.use(b"TOKEN: " + self.access_token.encode())
        return (self.send(b"GET /healthz" + HOST + b"\r\n").status, minted.status, used.status) == (200, 201, 200)


@pytest.fixture(scope="module")
def module_edge(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One server for all: what one test does to it, the next would notice."""
    folder = tmp_path_factory.mktemp("edge")
    with (
        sqlite_files.fresh(folder) as url,
        LiveServer(url, folder, workers=1, DAYPASS_THREADS="4") as server,
    ):
        server.json("user", "add", "anna", stdin=f"{PASSWORD}\n")
        with requests.Session() as session:
            refresh = Alation(server.url, session).issue("anna", PASSWORD, "edge").json()
        yield Edge(server.port, refresh["user_id"], refresh["refresh_token"])
    log = server.log()
    assert not secrets_in(log)
    assert "request_failed" not in log
    assert "Traceback" not in log


@pytest.fixture
def edge(module_edge: Edge) -> Iterator[Edge]:
    yield module_edge
    module_edge.relent()


@pytest.fixture(scope="module")
def http2_edge(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A server that speaks HTTP/2 too."""
    folder = tmp_path_factory.mktemp("http2")
    with (
        sqlite_files.fresh(folder) as url,
        LiveServer(url, folder, workers=1, DAYPASS_THREADS="4", DAYPASS_HTTP2="on") as server,
    ):
        server.json("user", "add", "anna", stdin=f"{PASSWORD}\n")
        with requests.Session() as session:
            refresh = Alation(server.url, session).issue("anna", PASSWORD, "edge").json()
        yield Edge(server.port, refresh["user_id"], refresh["refresh_token"])
    assert "Traceback" not in server.log()


REFUSED_BY_THE_SERVER = {
    "a raw byte in the path": (b"GET /integration/v1/\xff" + HOST + b"\r\n", 400),
    "raw bytes that are not UTF-8 in the query": (USERINFO + b"?a=\xff\xfe" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "a header with NUL": (USERINFO + HOST + b"TOKEN: a\0b\r\n\r\n", 400),
    "a folded header": (USERINFO + HOST + b"TOKEN: a\r\n b\r\n\r\n", 400),
    "a negative length": (MINT + HOST + JSON + b"Content-Length: -1\r\n\r\n{}", 400),
    "two lengths": (MINT + HOST + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "a huge header": (USERINFO + HOST + b"TOKEN: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    "a huge path": (b"GET /integration/v1/" + b"a" * 100_000 + HOST + b"\r\n", 431),
}


def test_what_is_not_http_is_refused_by_the_server(edge: Edge) -> None:
    answered = {case: edge.send(raw).status for case, (raw, _) in REFUSED_BY_THE_SERVER.items()}
    assert answered == {case: status for case, (_, status) in REFUSED_BY_THE_SERVER.items()}
    assert edge.serves()


def test_http2_is_not_spoken_unless_it_is_turned_on(edge: Edge) -> None:
    """◆ The connection is closed at once. Fails when granian may choose: eight bodies without end take their places."""
    for _ in range(MOST_BODIES // 4):
        assert edge.exchange(http2(8)) == b""
    edge.wait_for_the_answer(200)
    assert edge.serves()


TOO_LARGE = b" " * 20_000
REFUSED_IN_THE_DIALECT = {
    "raw bytes in the query": (MINT + "?a=é".encode() + HOST + JSON + b"Content-Length: 2\r\n\r\n{}", 400),
    "a broken chunk": (MINT + HOST + JSON + CHUNKED + b"zz\r\n{}\r\n" + LAST_CHUNK, 400),
    "chunks of more than 16 KiB": (MINT + HOST + JSON + CHUNKED + chunk(b" " * 4096) * 20 + LAST_CHUNK, 413),
    "a form whose beginning would do, in chunks of more than 16 KiB": (
        MINT + HOST + FORM + CHUNKED + chunk(b"user_id=1&refresh_token=x&a=") + chunk(TOO_LARGE) + LAST_CHUNK, 413,
    ),
    "an oversize body of megabytes": (MINT + HOST + JSON + b"Content-Length: 5000000\r\n\r\n" + b" " * 5_000_000, 413),
    "an oversize length and no body": (MINT + HOST + JSON + b"Content-Length: 9999999999\r\n\r\n", 413),
    "an absolute target": (b"GET http://daypass/integration/v1/userinfo/" + HOST + b"\r\n", 403),
    "a double slash within": (b"GET /integration/v1//userinfo/" + HOST + b"\r\n", 404),
    "control characters in the path": (b"GET /integration/v1/%ff%00%0a" + HOST + b"\r\n", 404),
    "raw bytes in TOKEN": (USERINFO + HOST + b"TOKEN: \xff\xfe\r\n\r\n", 403),
    "raw bytes in the media type": (
        MINT + HOST + b"Content-Type: application/json; a=\xff\r\nContent-Length: 2\r\n\r\n{}", 415,
    ),
    "raw bytes in other headers": (
        MINT + HOST + JSON + b"Cookie: \xff\r\nUser-Agent: \xff\r\nForwarded: \xff\r\nContent-Length: 2\r\n\r\n{}", 400,
    ),
}  # fmt: skip


def test_what_reaches_the_application_is_refused_in_its_dialect(edge: Edge) -> None:
    for case, (raw, status) in REFUSED_IN_THE_DIALECT.items():
        answer = edge.send(raw)
        assert (answer.status, json.loads(answer.body)["code"]) == (status, f"{status}000"), case
        assert answer.headers["content-type"] == "application/json"
        assert "location" not in answer.headers
    assert edge.serves()


def test_several_slashes_at_the_start_of_a_path_count_as_one(edge: Edge) -> None:
    """As from a client whose base URL ends in a slash; a server could take such a target for a host's name."""
    assert edge.serves()
    token = b"TOKEN: " + edge.access_token.encode()
    for target in (b"GET //integration/v1/userinfo/", b"GET ///api/v1/me", b"GET //auth/verify", b"GET //login"):
        assert edge.use(token, target=target).status == 200, target
    answer = edge.use(target=b"GET //account/auth")
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=/account/auth")
    assert edge.use(target=b"GET //evil.example/login").status == 404
    body = edge.proof()
    minted = edge.send(
        b"POST /" + MINT.removeprefix(b"POST ") + HOST + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    assert minted.status == 201


@pytest.mark.parametrize("content_type", [JSON, FORM], ids=["json", "form"])
def test_a_body_that_ends_before_its_length_is_not_obeyed(edge: Edge, content_type: bytes) -> None:
    """The server may drop the connection or answer 400; what was sent so far would be a whole body."""
    assert edge.serves()
    body = edge.proof(json.dumps if content_type is JSON else urlencode)
    received = edge.exchange(
        MINT + HOST + content_type + b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body, then_close=True
    )
    assert not received or Answer.of(received).status == 400
    assert edge.use(b"TOKEN: " + edge.access_token.encode()).status == 200, "nothing took its place"
    assert edge.serves()


def test_a_chunk_that_is_cut_short_is_dropped_or_refused(edge: Edge) -> None:
    for torn in (b"", b"1000", b"1000\r\n", b"1000\r\n{", b"2\r\n{"):
        received = edge.exchange(MINT + HOST + JSON + CHUNKED + torn, then_close=True)
        assert not received or Answer.of(received).status == 400
    assert edge.serves()


def test_targets_outside_the_dialect_are_a_404_in_json(edge: Edge) -> None:
    for target in (b"OPTIONS *", b"CONNECT daypass:80", b"GET /nothing", b"PROPFIND /nothing"):
        answer = edge.send(target + HOST + b"\r\n")
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json"), target
    assert edge.serves()


def test_a_body_in_chunks_is_a_body(edge: Edge) -> None:
    proof = edge.proof()
    pieces = b"".join(chunk(proof[at : at + 7]) for at in range(0, len(proof), 7))
    answer = edge.send(MINT + HOST + JSON + CHUNKED + pieces + LAST_CHUNK)
    assert answer.status == 201


def test_expect_100_continue_is_honoured(edge: Edge) -> None:
    """curl asks for it with larger bodies."""
    proof = edge.proof()
    head = MINT + HOST + JSON + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(proof)
    with edge.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(proof)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_a_client_that_goes_away_without_waiting_harms_nobody(edge: Edge) -> None:
    for raw in (MINT, MINT + HOST, MINT + HOST + JSON + b"Content-Length: 500\r\n\r\n{", USERINFO + HOST + b"\r\n"):
        for _ in range(5):
            with edge.connect() as connection:
                connection.sendall(raw)
    assert edge.serves()


def reason(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["reason"]


def test_two_headers_where_one_is_meant_are_refused(edge: Edge) -> None:
    """◆ The server joins them with a comma. Fails when the first of several is taken."""
    assert edge.serves()
    good, bearer = (name + edge.access_token.encode() for name in (b"TOKEN: ", b"Authorization: Bearer "))
    refresh = b"Authorization: Bearer " + edge.refresh_token.encode()
    assert [edge.use(good).status, edge.use(bearer).status, edge.use(good, bearer).status] == [200, 200, 200]
    for one, other in (
        (good, good), (good, b"TOKEN: no_token"), (good, b"TOKEN:"), (good, good.lower()), (good, refresh),
        (bearer, bearer), (bearer, b"Authorization: Basic abc"),
    ):  # fmt: skip
        for headers in ((one, other), (other, one)):
            status, why = reason(edge.use(*headers))
            assert status == (401 if headers[0] is bearer else 403), headers  # 401: what is of Bearer alone
            assert why in ("token_malformed", "token_missing"), headers
            assert edge.use(*headers, target=GATE).status in (401, 403), headers
    assert reason(edge.use(good + b" x")) == (403, "token_malformed")
    assert edge.use(b"TOKEN: \t " + edge.access_token.encode() + b"  ").status == 200
    for name in (b"T-OKEN", b"TO_KEN", b"HTTP_TOKEN"):
        assert reason(edge.use(name + b": " + edge.access_token.encode())) == (403, "token_missing")


@pytest.mark.parametrize("head", [b"Content-Length: 500\r\n\r\n", CHUNKED + b"ff\r\n"], ids=["length", "chunks"])
def test_clients_that_stall_in_their_bodies_hold_nothing_but_their_places(edge: Edge, head: bytes) -> None:
    """◆ Fails when a body takes a thread of the four for work, and when there are few places.

    Half of the clients have shown a token before their body: the database's connections are not theirs either.
    """
    assert edge.serves()
    token = b"TOKEN: " + edge.access_token.encode() + b"\r\n"
    check = USERINFO + HOST + token + b"\r\n"
    other = b"POST /api/v1/me/refresh-tokens" + HOST + token
    for _ in range(50):
        edge.stall(MINT + HOST + FORM + head + b"refresh_token=dpr")
        edge.stall(other + JSON + head + b'{"name": ')
    for _ in range(10):
        assert edge.send(b"GET /healthz" + HOST + b"\r\n").status == 200
        assert edge.send(check).status == 200
        assert edge.post(b"validateRefreshToken", edge.proof()).status == 200, "bodies that come are received"
    for _ in range(MOST_BODIES - 90):
        edge.stall(MINT + HOST + FORM + head + b"refresh_token=dpr")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (refused := edge.post(b"validateRefreshToken", edge.proof())).status != 503:
        edge.stall(MINT + HOST + FORM + head + b"refresh_token=dpr")  # some may have been answered on a busy machine
        assert time.monotonic() < deadline
    assert reason(refused) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    for _ in range(10):
        assert edge.send(check).status == 200
        assert edge.send(MINT + HOST + JSON + b"Content-Length: 2\r\n\r\n{}").status == 503
    edge.relent()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while edge.post(b"validateRefreshToken", edge.proof()).status != 200:
        assert time.monotonic() < deadline
    assert edge.serves()


def end_by_reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


ENDINGS: dict[str, Callable[[socket.socket], None]] = {
    "closed": socket.socket.close,
    "reset": end_by_reset,
    "nothing more will come": lambda connection: connection.shutdown(socket.SHUT_WR),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_of_a_connection_frees_its_place(edge: Edge, ending: str) -> None:
    """◆ At once, and each of them. Fails when a place is kept until somebody reads."""
    for _ in range(2):
        for _ in range(MOST_BODIES):
            edge.stall(MINT + HOST + FORM + b"Content-Length: 500\r\n\r\nrefresh_token=dpr")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while edge.post(b"validateRefreshToken", edge.proof()).status != 503:  # some came before places were free
            edge.stall(MINT + HOST + FORM + b"Content-Length: 500\r\n\r\nrefresh_token=dpr")
            assert time.monotonic() < deadline
        for connection in edge.stalled:
            ENDINGS[ending](connection)
        edge.wait_for_the_answer(200)
        edge.relent()
    assert edge.serves()


def test_clients_that_stall_in_their_headers_do_not_keep_others_out(edge: Edge) -> None:
    for _ in range(20):
        edge.stall(MINT)
        edge.stall(USERINFO + HOST + b"TOKEN: ")
    assert edge.send(b"GET /healthz" + HOST + b"\r\n").status == 200
    assert edge.serves()


SETTINGS_FRAME = 4


def test_http2_turned_on_leaves_no_place_taken(http2_edge: Edge) -> None:
    """◆ A body of unknown length is refused, and one that ends with its connection frees its place.

    Fails when bodies are read a part at a time: granian then reads on and on.
    """
    for length in (None, 1000):
        for _ in range(MOST_BODIES // 4):
            with http2_edge.connect() as connection:
                connection.sendall(http2(8, length))
                assert connection.recv(9)[3] == SETTINGS_FRAME
    http2_edge.wait_for_the_answer(200)
    for _ in range(MOST_BODIES - 1):
        http2_edge.stall(MINT + HOST + FORM + b"Content-Length: 500\r\n\r\nrefresh_token=dpr")
    http2_edge.wait_for_the_answer(200)
    http2_edge.relent()
    assert http2_edge.serves()
