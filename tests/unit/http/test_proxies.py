"""Whose address a request comes from, and whether over HTTPS: :mod:`app.http.proxies`, pure but for one warning."""

import ipaddress
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app import logs
from app.http.forwarded import LONGEST_KEPT, Address, _kept_address, parse_address
from app.http.proxies import FORWARDED, MOST_HOPS, NO_PROXIES, X_FORWARDED_FOR, TrustedProxies, client_address, is_https

NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"), ipaddress.ip_network("::1/128"))
PROXIES = TrustedProxies(NETWORKS)
HEADERS = {X_FORWARDED_FOR: "HTTP_X_FORWARDED_FOR", FORWARDED: "HTTP_FORWARDED"}
NAMES_OTHERS = {X_FORWARDED_FOR: "198.51.100.1", FORWARDED: "for=198.51.100.1;proto=https"}


def address(peer: str, text: str | None = None, proxies: TrustedProxies = PROXIES) -> str | None:
    environ = {"REMOTE_ADDR": peer}
    if text is not None:
        environ[HEADERS[proxies.header]] = text
    return client_address(environ, proxies)


def forwarded(text: str | None, peer: str = "10.0.0.1") -> str | None:
    return address(peer, text, TrustedProxies(NETWORKS, header=FORWARDED))


@pytest.mark.parametrize("peer", ["203.0.113.7", "10.1.2.3", "2001:db8::7", "::1"])
def test_a_peer_that_is_no_trusted_proxy_cannot_name_another_address(peer: str) -> None:
    assert address(peer, proxies=NO_PROXIES) == peer
    for text in ("198.51.100.1", "10.0.0.1", "198.51.100.1, 10.0.0.1"):
        assert address(peer, text, NO_PROXIES) == peer
        assert address("203.0.113.7", text) == "203.0.113.7"
        assert forwarded(f"for={text}", "203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    ("text", "client"),
    [
        *((text, "198.51.100.1") for text in ("198.51.100.1", "  198.51.100.1  ", "203.0.113.9, 198.51.100.1",
          "198.51.100.1, 10.9.9.9", "203.0.113.9,198.51.100.1,10.9.9.9,fd00::1", "::ffff:198.51.100.1",
          "198.51.100.1:5678", '"198.51.100.1:5678"', "[::ffff:198.51.100.1]:1", "198.51.100.1, [fd00::1]:443",
          "198.51.100.1:1,10.9.9.9:65535", "198.51.100.1:_hidden", '6.6.6.6,"198.51.100.1"')),
        *((text, "2001:db8::7") for text in ("2001:db8::7", "2001:0DB8:0:0::0007", "[2001:db8::7]", "[2001:DB8::7]:443",
          '"[2001:db8::7]:443"', "[2001:db8::7%eth0]:443", "2001:db8::7%25eth0")),
        ("10.9.9.9", "10.9.9.9"),
        ("10.8.8.8:80, 10.9.9.9", "10.8.8.8"),
    ],
)  # fmt: skip
def test_behind_trusted_proxies_it_is_the_rightmost_address_that_is_not_one(text: str, client: str) -> None:
    assert address("10.0.0.1", text) == client
    assert address("fd00::2", text) == client


UNREADABLE = [
    "", " ", ",", "unknown", "UNKNOWN", "_hidden", "unknown:80", "1.2.3", "1.2.3.4:", "1.2.3.4:http", "1.2.3.4:123456",
    "01.2.3.4", "1.2.3.4 5.6.7.8", "[1.2.3.4", "[2001:db8::7]x", "2001:db8:1:2:3:4:5:6:443", "2001:db8::7:50123",
    "localhost", "unix:", "for=1.2.3.4", "\xff", "1.2.3.4\x00", "\u0661.2.3.4",
]  # fmt: skip


@pytest.mark.parametrize("junk", UNREADABLE)
def test_behind_what_can_not_be_read_nothing_further_left_is_believed(junk: str) -> None:
    assert address("10.0.0.1", f"203.0.113.9, {junk}") == "10.0.0.1"
    assert address("10.0.0.1", f"203.0.113.9, {junk}, 10.9.9.9") == "10.9.9.9"
    assert address("10.0.0.1", f"{junk}, 198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize(
    ("text", "client"),
    [
        *((text, "198.51.100.1") for text in ("for=198.51.100.1", "FOR=198.51.100.1;Proto=HTTPS;by=203.0.113.43",
          'for="198.51.100.1:47011"', "for=198.51.100.1:47011", "for=6.6.6.6, for=198.51.100.1",
          'for=198.51.100.1, for="[fd00::1]:4711"', r'for="198.51\.100.1"', "by=_x; for=198.51.100.1 ;host=a:80",
          'for=198.51.100.1;host="a, for=6.6.6.6"', r'for=198.51.100.1;host="a\", for=6.6.6.6"',
          'for="6.6.6.6, for=198.51.100.1', r'x="\", for=198.51.100.1', 'for=6.6.6.6;x=", for=198.51.100.1;by="a"')),
        *((text, "2001:db8:cafe::17") for text in ('for="[2001:db8:cafe::17]:4711"', 'For="[2001:DB8:CAFE:0::17]"',
          "for=[2001:db8:cafe::17]:4711", 'for=6.6.6.6, for="[2001:db8:cafe::17%eth0]";proto=http')),
        *((text, "10.0.0.1") for text in ("", " ", "198.51.100.1", "proto=https", "for=unknown", 'for="_gazonk"',
          "for=198.51.100.1;for=6.6.6.6", "for = 198.51.100.1", "for=198.51.100.1;;proto=http", "for=198.51.100.1,",
          "for=198.51.100.1;x", "for=198.51.100.1;x=a b", 'for="198.51.100.1', "for='198.51.100.1'")),
    ],
)  # fmt: skip
def test_forwarded_is_read_as_rfc_7239_writes_it_and_some_proxies_do(text: str, client: str) -> None:
    assert forwarded(text) == client


def test_no_more_entries_are_read_than_there_are_proxies_in_a_row() -> None:
    assert address("10.0.0.1", "198.51.100.1" + ", 10.0.0.2" * (MOST_HOPS - 1)) == "198.51.100.1"
    assert address("10.0.0.1", "198.51.100.1" + ", 10.0.0.2" * 10_000) == "10.0.0.2"
    assert forwarded("for=198.51.100.1" + ", for=10.0.0.2" * 10_000) == "10.0.0.2"


@pytest.mark.parametrize("header", HEADERS)
def test_only_the_chosen_header_is_believed(header: str) -> None:
    proxies = TrustedProxies(NETWORKS, header=header)
    for other in HEADERS.keys() - {header}:
        environ = {"REMOTE_ADDR": "10.0.0.1", HEADERS[other]: NAMES_OTHERS[other]}
        assert client_address(environ, proxies) == "10.0.0.1"
        assert not is_https(environ, proxies)
    both = {"REMOTE_ADDR": "10.0.0.1", HEADERS[header]: NAMES_OTHERS[header], "HTTP_X_FORWARDED_PROTO": "https"}
    assert client_address(both, proxies) == "198.51.100.1"
    assert is_https(both, proxies)


@pytest.mark.parametrize(
    ("peer", "text", "found"),
    [
        ("::ffff:203.0.113.7", None, "203.0.113.7"),  # as an IPv6 socket names an IPv4 peer
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("10.0.0.1", f"fe80::1%{'x' * 5000}", "fe80::1"),  # a zone may be of any length
        *((peer, "198.51.100.1", None) for peer in ("", "unix:", "localhost", "/run/daypass.sock")),
    ],
)
def test_an_address_is_plain_or_there_is_none(peer: str, text: str | None, found: str | None) -> None:
    assert address(peer, text) == found
    assert client_address({}, PROXIES) is None


def test_no_long_text_is_kept_in_memory_though_it_may_be_an_address() -> None:
    """Fails when each entry of a header is kept, whatever a client writes: a thousand of 30 KB in each worker."""
    long = f"fe80::1%{'x' * LONGEST_KEPT}"
    kept = _kept_address.cache_info().currsize
    assert str(parse_address(long)) == "fe80::1"
    assert parse_address("x" * (LONGEST_KEPT + 1)) is None
    assert _kept_address.cache_info().currsize == kept


def test_the_peers_of_a_unix_socket_are_believed_where_they_are_trusted() -> None:
    """Fails when a peer without an address is trusted by its emptiness alone."""
    proxies = TrustedProxies(NETWORKS, has_unix_peers=True)
    for peer in ("", "unix:", "/run/daypass.sock"):
        assert address(peer, "203.0.113.9, 198.51.100.1", proxies) == "198.51.100.1"
        assert address(peer, None, proxies) is None
        assert is_https({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PROTO": "https"}, proxies)
    assert address("localhost", "198.51.100.1", proxies) is None
    # Between two proxies of one machine; nginx writes "unix:" for such a peer.
    assert address("10.0.0.1", "198.51.100.1, unix:", proxies) == "198.51.100.1"
    assert address("", "198.51.100.1, unix:, fd00::1", proxies) == "198.51.100.1"


def test_the_scheme_comes_from_the_nearest_x_forwarded_proto_or_the_clients_element_of_forwarded() -> None:
    def over_https(header: str, text: str, proto: str = "", is_public_https: bool = False) -> bool:
        proxies = TrustedProxies(NETWORKS, header=header, is_https=is_public_https)
        return is_https({"REMOTE_ADDR": "10.0.0.1", HEADERS[header]: text, "HTTP_X_FORWARDED_PROTO": proto}, proxies)

    assert over_https(X_FORWARDED_FOR, "198.51.100.1", "http, HTTPS")
    assert not over_https(X_FORWARDED_FOR, "198.51.100.1", "https, http")
    for text, expected in (
        ("for=198.51.100.1;proto=HTTPS", True),
        ("for=198.51.100.1;proto=https, for=10.9.9.9;proto=http", True),
        ("for=198.51.100.1;proto=https, for=203.0.113.9;proto=http", False),
        ("for=198.51.100.1, for=10.9.9.9;proto=https", True),
        ("proto=https", False),
    ):
        assert over_https(FORWARDED, text, "http") is expected, text
    # The public URL decides where nobody says it.
    assert over_https(X_FORWARDED_FOR, "198.51.100.1", "", is_public_https=True)
    assert not over_https(X_FORWARDED_FOR, "198.51.100.1", "http", is_public_https=True)
    assert over_https(FORWARDED, "for=198.51.100.1", is_public_https=True)
    assert not over_https(FORWARDED, "for=198.51.100.1;proto=http", is_public_https=True)


def test_what_can_not_be_read_is_logged_once_for_each_kind_without_what_it_says(log_lines: list[str]) -> None:
    logs.configure("INFO")
    proxies = TrustedProxies(NETWORKS)
    for _ in range(3):
        for text in ("unknown", "_node7", "Secret0Of1Somebody\r\n", "other", "1.2.3.4,", "198.51.100.1"):
            address("10.0.0.1", text, proxies)
        client_address({"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=198.51.100.1"}, proxies)
    lines = [json.loads(line) for line in log_lines]
    assert {line["event"] for line in lines} == {"client_address_unreadable"}
    assert [(line["kind"], line["shape"]) for line in lines] == [
        ("unknown", "unknown"),
        ("obfuscated", "_aaaa9"),
        ("malformed", "aaaaaa9aa9aaaaaaaa"),
        ("empty", ""),
        ("other header", "forwarded"),
    ]
    assert all(line["level"] == "warning" and "DAYPASS_FORWARDED_HEADER" in line["todo"] for line in lines)


ANY_ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORT = st.one_of(st.just(""), st.integers(0, 65535).map(":{}".format))
HOSTILE = st.one_of(st.text(max_size=60), st.text(alphabet='",;=\\ for6.:[]', max_size=60))


def is_trusted(found: Address) -> bool:
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in network for network in NETWORKS)


def node(found: Address, port: str) -> str:
    return f"{found}{port}" if found.version == 4 else f"[{found}]{port}" if port else str(found)


def element(found: Address, port: str, host: str) -> str:
    quotable = host.replace("\\", "").replace('"', "")
    return f'for="{f"[{found}]" if found.version == 6 else found}{port}";host="{quotable}";proto=http'


PROXY = st.tuples(st.sampled_from(["10.0.0.7", "10.255.1.1", "fd00::9"]).map(ipaddress.ip_address), PORT)
CHAIN = {
    "client": st.tuples(ANY_ADDRESS.filter(lambda found: not is_trusted(found)), PORT),
    "between": st.lists(PROXY, max_size=3),
    "left": HOSTILE,
}


@given(**CHAIN)
@example(client=(ipaddress.ip_address("1.2.3.4"), ""), between=[], left="6.6.6.6,")
def test_whatever_a_client_writes_it_is_the_one_that_the_proxies_saw(
    client: tuple[Address, str], between: list[tuple[Address, str]], left: str
) -> None:
    """◆ Fails when the walk goes on behind an untrusted entry."""
    right = ", ".join(node(*each) for each in (client, *between))
    expected = str(getattr(client[0], "ipv4_mapped", None) or client[0]).partition("%")[0]
    for text in (right, f"{left}, {right}", f"6.6.6.6, {left},{right}"):
        assert address("10.0.0.1", text) == expected


@given(**CHAIN, host=HOSTILE)
@example(client=(ipaddress.ip_address("1.2.3.4"), ""), between=[], left='x="\\', host="a, for=6.6.6.6")
def test_the_same_holds_for_forwarded_whatever_quotation_marks_it_leaves_open(
    client: tuple[Address, str], between: list[tuple[Address, str]], left: str, host: str
) -> None:
    """◆ Fails when the header is split from the left."""
    right = ", ".join(element(*each, host) for each in (client, *between))
    expected = str(getattr(client[0], "ipv4_mapped", None) or client[0]).partition("%")[0]
    for text in (right, f"{left}, {right}", f'for=6.6.6.6;x="{left},{right}'):
        assert forwarded(text) == expected


@given(st.text(max_size=60), HOSTILE)
def test_whatever_is_sent_the_answer_is_an_address_that_fits_its_column_or_none(peer: str, text: str) -> None:
    trusted = ("10.0.0.1", "fd00::1%zone")
    for found in (address(peer, text), *(read(text) for read in (lambda text: address(trusted[1], text), forwarded))):
        if found is not None:
            assert len(found) <= 45
            assert str(ipaddress.ip_address(found)) == found
