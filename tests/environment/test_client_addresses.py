"""The client's address in the forms of common proxies, through the server that Daypass runs on.

Not here: every form and every hostile header (``tests/unit/http/test_proxies.py``).
"""

from pathlib import Path

from tests.drivers.addresses import AddressServer

HTTPS = "X-Forwarded-Proto: https"


def test_over_tcp_a_trusted_proxy_names_the_client_in_any_form(tmp_path: Path) -> None:
    with AddressServer(tmp_path, "127.0.0.1,10.0.0.0/8") as server:
        assert server.ask() == ("127.0.0.1", False)
        assert server.ask("X-Forwarded-For: 1.2.3.4:5678", HTTPS) == ("1.2.3.4", True)
        assert server.ask("X-Forwarded-For: [2001:DB8::1]:443") == ("2001:db8::1", False)
        assert server.ask("X-Forwarded-For: ::ffff:1.2.3.4") == ("1.2.3.4", False)
        assert server.ask("Forwarded: for=1.2.3.4;proto=https") == ("127.0.0.1", False)
        # Each proxy may write a line of its own.
        lines = [f"X-Forwarded-For: {each}" for each in ("6.6.6.6", "1.2.3.4", "10.0.0.7:80, 10.0.0.8")]
        assert server.ask(*lines) == ("1.2.3.4", False)
        assert server.ask(*lines, "X-Forwarded-For: ") == ("127.0.0.1", False)
        assert server.ask(*lines, "X-Forwarded-For: unknown", "X-Forwarded-For: 10.0.0.9") == ("10.0.0.9", False)
        # ::1 is no trusted proxy.
        assert server.ask("X-Forwarded-For: 1.2.3.4", HTTPS, over="::1") == ("::1", False)


def test_over_a_unix_socket_the_peer_is_trusted_by_its_name_in_the_settings(tmp_path: Path) -> None:
    with AddressServer(tmp_path, "unix", header="forwarded", unix=True) as server:
        assert server.ask() == (None, False)
        assert server.ask('Forwarded: for="[2001:db8::1]:4711";proto=https;by=_x') == ("2001:db8::1", True)
        assert server.ask('Forwarded: for="6.6.6.6', "Forwarded: for=1.2.3.4;proto=http") == ("1.2.3.4", False)
        assert server.ask("X-Forwarded-For: 1.2.3.4", HTTPS) == (None, False)
