"""The client's address in the forms of common proxies, through the server that Daypass runs on.

Not here: every form and every hostile header (``tests/unit/http/test_proxies.py``), and peers over TCP
(``test_below_a_path.py``).
"""

from pathlib import Path

from tests.drivers.addresses import AddressServer

HTTPS = "X-Forwarded-Proto: https"


def test_the_peers_of_a_unix_socket_name_the_client_in_any_form_and_on_several_lines(tmp_path: Path) -> None:
    with AddressServer(tmp_path, "unix,10.0.0.0/8") as server:
        assert server.ask() == (None, False)
        assert server.ask("X-Forwarded-For: 1.2.3.4:5678", HTTPS) == ("1.2.3.4", True)
        assert server.ask("X-Forwarded-For: [2001:DB8::1]:443") == ("2001:db8::1", False)
        assert server.ask("X-Forwarded-For: ::ffff:1.2.3.4") == ("1.2.3.4", False)
        assert server.ask("Forwarded: for=1.2.3.4;proto=https") == (None, False)
        # Each proxy may write a line of its own.
        lines = [f"X-Forwarded-For: {each}" for each in ("6.6.6.6", "1.2.3.4", "10.0.0.7:80, 10.0.0.8")]
        assert server.ask(*lines) == ("1.2.3.4", False)
        assert server.ask(*lines, "X-Forwarded-For: ") == (None, False)
        assert server.ask(*lines, "X-Forwarded-For: unknown", "X-Forwarded-For: 10.0.0.9") == ("10.0.0.9", False)

        def by_forwarded(*lines: str) -> tuple[str | None, bool]:
            return server.ask(*lines, header="forwarded")

        assert by_forwarded('Forwarded: for="[2001:db8::1]:4711";proto=https;by=_x') == ("2001:db8::1", True)
        assert by_forwarded('Forwarded: for="6.6.6.6', "Forwarded: for=1.2.3.4;proto=http") == ("1.2.3.4", False)
        assert by_forwarded("X-Forwarded-For: 1.2.3.4", HTTPS) == (None, False)
