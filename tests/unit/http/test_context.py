"""Whose address a request comes from: :func:`app.http.context.client_address`, a pure function."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.context import client_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"), ipaddress.ip_network("::1/128"))
NONE = ()
"""The default: no proxy is trusted."""


def address(peer: str, forwarded: str | None = None, proxies: tuple = PROXIES) -> str | None:
    environ = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    return client_address(environ, proxies)


@pytest.mark.parametrize("peer", ["203.0.113.7", "10.1.2.3", "2001:db8::7", "::1"])
def test_a_peer_that_is_no_trusted_proxy_cannot_name_another_address(peer: str) -> None:
    assert address(peer, proxies=NONE) == peer
    for forwarded in ("198.51.100.1", "10.0.0.1", "198.51.100.1, 10.0.0.1"):
        assert address(peer, forwarded, NONE) == peer
        assert address("203.0.113.7", forwarded) == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        *((text, "198.51.100.1") for text in ("198.51.100.1", "  198.51.100.1  ", "203.0.113.9, 198.51.100.1",
          "198.51.100.1, 10.9.9.9", "203.0.113.9,198.51.100.1,10.9.9.9,fd00::1", "::ffff:198.51.100.1")),
        *((text, "2001:db8::7") for text in ("2001:db8::7", "2001:0DB8:0:0::0007")),
        ("10.9.9.9", "10.9.9.9"),
        ("10.8.8.8, 10.9.9.9", "10.8.8.8"),
    ],
)  # fmt: skip
def test_behind_trusted_proxies_it_is_the_rightmost_address_that_is_not_one(forwarded: str, client: str) -> None:
    assert address("10.0.0.1", forwarded) == client
    assert address("fd00::2", forwarded) == client


@pytest.mark.parametrize(
    "junk",
    ["", " ", ",", "unknown", "_hidden", "198.51.100.1:443", "[2001:db8::7]", "[2001:db8::7]:1", "1.2.3", "\xff"],
)
def test_behind_junk_nothing_further_left_is_believed(junk: str) -> None:
    assert address("10.0.0.1", f"203.0.113.9, {junk}") == "10.0.0.1"
    assert address("10.0.0.1", f"203.0.113.9, {junk}, 10.9.9.9") == "10.9.9.9"
    assert address("10.0.0.1", f"{junk}, 198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("::ffff:203.0.113.7", None, "203.0.113.7"),  # as an IPv6 socket names an IPv4 peer
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("10.0.0.1", f"fe80::1%{'x' * 5000}", "fe80::1"),  # a zone may be of any length
        *((peer, "198.51.100.1", None) for peer in ("", "unix:", "localhost", "/run/daypass.sock")),
    ],
)
def test_an_address_is_plain_or_there_is_none(peer: str, forwarded: str | None, found: str | None) -> None:
    assert address(peer, forwarded) == found
    assert client_address({}, PROXIES) is None


@given(st.text(max_size=60), st.text(max_size=200))
def test_whatever_is_sent_the_answer_is_an_address_that_fits_its_column_or_none(peer: str, forwarded: str) -> None:
    for found in (address(peer, forwarded), address("10.0.0.1", forwarded), address("fd00::1%zone", forwarded)):
        if found is not None:
            assert len(found) <= 45
            assert str(ipaddress.ip_address(found)) == found
