"""Which names a request may give: one, of Daypass's own, in any spelling."""

from typing import Any

import pytest

from app.http.hosts import Hosts, host_name
from app.http.public_url import PublicUrl

PUBLIC = PublicUrl.parse("https://tokens.example.com:8443/daypass")

SPELLINGS = {
    "tokens.example.com": "tokens.example.com",
    "Tokens.EXAMPLE.com": "tokens.example.com",
    "tokens.example.com.": "tokens.example.com",
    "tokens.example.com:443": "tokens.example.com",
    "tokens.example.com.:8443": "tokens.example.com",
    "tokens.example.com:": "tokens.example.com",
    "daypass_web:8080": "daypass_web",
    "127.0.0.1:8080": "127.0.0.1",
    "[::1]": "::1",
    "[0:0::1]:8080": "::1",
    "[2001:DB8::1]": "2001:db8::1",
}

NONE = (
    "", " ", ":8080", "a b", "a,b", "a, a", "tokens.example.com,tokens.example.com", "a/b", "a@b", "user:x@a", "a..b",
    ".a", "a:b", "a:123456",
    "a:8080:1", "::1", "[::1", "[::1]x", "[::1%25eth0]", "[1::2::3]", "a\tb", "a\0", "\xe4.example",
    "a?b", "a#b", "a\\b", "tokens.example.com..", "\uff41.example",
)  # fmt: skip


def status(hosts: Hosts, host: str | None, path: str = "/login", protocol: str = "HTTP/1.1") -> int | None:
    environ: dict[str, Any] = {"PATH_INFO": path, "SERVER_PROTOCOL": protocol}
    refusal = hosts.refusal(environ if host is None else environ | {"HTTP_HOST": host})
    return refusal.code if refusal else None


def test_a_name_has_one_spelling_whatever_its_case_port_and_final_dot() -> None:
    assert {written: host_name(written) for written in SPELLINGS} == SPELLINGS
    assert [each for each in NONE if host_name(each) is not None] == []


def test_with_a_public_url_other_names_are_refused_and_told_what_to_do() -> None:
    """◆ Fails when every name is answered."""
    hosts = Hosts(PUBLIC)
    own = [each for each in SPELLINGS if SPELLINGS[each] == "tokens.example.com"]
    assert {status(hosts, each) for each in own} == {None}
    for other in (
        "evil.example",
        "127.0.0.1:8080",
        "localhost",
        "[::1]",
        "tokens.example.com.evil.example",
        "example.com",
    ):
        assert status(hosts, other) == 421, other
    refusal = hosts.refusal({"HTTP_HOST": "Daypass:8080", "PATH_INFO": "/"})
    assert refusal is not None and refusal.description is not None
    for word in ("as daypass:", str(PUBLIC), "DAYPASS_OTHER_HOSTS"):
        assert word in refusal.description


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_health_is_answered_under_any_one_name(path: str) -> None:
    """A probe names the address of the container. Other paths that look like it are not health."""
    hosts = Hosts(PUBLIC)
    assert {status(hosts, each, path) for each in ("10.1.2.3:8080", "[fd00::7]:8080", "localhost")} == {None}
    assert status(hosts, "a,b", path) == 400
    assert status(hosts, "10.1.2.3:8080", f"{path}x") == 421


def test_static_files_are_served_under_any_one_name_so_that_the_page_of_the_refusal_has_its_style() -> None:
    hosts = Hosts(PUBLIC)
    assert status(hosts, "localhost", "/static/daypass.css") is None
    assert status(hosts, "a,b", "/static/daypass.css") == 400
    assert status(hosts, "localhost", "/static") == status(hosts, "localhost", "/docs/static/x") == 421


def test_other_names_can_be_added_and_all() -> None:
    hosts = Hosts(PUBLIC, ("daypass", "daypass.tools.svc", "10.1.2.3", "fd00::7", "[fd00::8]"))
    for name in ("daypass:8080", "DAYPASS", "daypass.tools.svc.", "10.1.2.3", "[FD00::7]:8080", "[fd00::8]"):
        assert status(hosts, name) is None, name
    assert status(hosts, "tools.svc") == 421
    assert status(Hosts(PUBLIC, ("*",)), "evil.example") is None
    assert status(Hosts(None), "evil.example") is None, "without a public URL"


@pytest.mark.parametrize("hosts", [Hosts(None), Hosts(PUBLIC, ("*",)), Hosts(PUBLIC)])
def test_a_request_names_exactly_one_host(hosts: Hosts) -> None:
    """◆ Two ``Host`` headers arrive joined by a comma. Fails when the first of several is taken."""
    for two in (
        "a,a",
        "tokens.example.com,evil.example",
        "tokens.example.com, tokens.example.com",
        "tokens.example.com,",
    ):
        assert status(hosts, two) == 400, two
    assert status(hosts, "a" * 300) == 400
    assert (status(hosts, ""), status(hosts, None)) == (400, 400)
    assert status(hosts, None, protocol="HTTP/1.0") is None, "which does not require it"
    assert status(hosts, "", protocol="HTTP/1") is None, "granian's way to say so"
