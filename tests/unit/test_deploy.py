"""What ``deploy/`` repeats of the code is the same as there: identity headers, settings, times."""

import os
import re
from pathlib import Path

import pytest

from app.cli.serving import STOP_PATIENCE_SECONDS
from app.gate.answers import IDENTITY
from config import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"


SPELLINGS = [
    ("nginx/daypass/protect.conf", r"^auth_request_set +\$daypass_\w+ +\$upstream_http_{underscored};$"),
    ("nginx/daypass/protect.conf", r"^proxy_set_header +{name} +\$daypass_\w+;$"),
    ("traefik/dynamic.yml", r"^ +- {name}$"),
    ("caddy/Caddyfile", r"^\t\tcopy_headers .*\b{name}( |$)"),
    ("envoy/envoy.yaml", r"^ +- remove: {lower}$"),
]

REASON_DROPPED = [
    ("nginx/daypass/protect.conf", r'^proxy_set_header X-Auth-Reason +"";$'),
    ("traefik/dynamic.yml", r"^ +- X-Auth-Reason$"),
    ("caddy/Caddyfile", r"^\trequest_header -X-Auth-\*$"),
    ("envoy/envoy.yaml", r"^ +- remove: x-auth-reason$"),
]


def stands_in(file: str, line: str) -> bool:
    return re.search(line, (DEPLOY / file).read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize(("file", "spelling"), SPELLINGS)
def test_every_identity_header_is_in_the_configuration_of_every_proxy(file: str, spelling: str) -> None:
    """Fails when one is taken out, or the gate gets another."""
    for name in IDENTITY:
        line = spelling.format(name=name, lower=name.lower(), underscored=name.lower().replace("-", "_"))
        assert stands_in(file, line), f"{name} is not in {file}"


@pytest.mark.parametrize(("file", "line"), REASON_DROPPED)
def test_a_reason_that_a_client_claims_is_dropped_by_every_proxy(file: str, line: str) -> None:
    """A good token has none. Fails when the line is taken out."""
    assert stands_in(file, line)


def test_the_example_of_an_environment_file_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DAYPASS_")]:
        monkeypatch.delenv(name)
    lines = (DEPLOY / "daypass.env.example").read_text().splitlines()
    for line in filter(None, lines):
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database_url.startswith("postgresql://daypass:CHANGE-ME@")
    assert str(settings.proxies[0]) == "127.0.0.1/32"


def test_the_socket_unit_passes_one_listening_socket_to_the_server() -> None:
    """By default at the address where the server would listen itself."""
    lines = (DEPLOY / "systemd" / "daypass.socket").read_text().splitlines()
    assert [line for line in lines if line.startswith("ListenStream=")] == ["ListenStream=127.0.0.1:8080"]
    assert "Accept=no" in lines
    assert stands_in("daypass.env.example", "^DAYPASS_HOST=127.0.0.1$")
    assert stands_in("daypass.env.example", "^DAYPASS_PORT=8080$")


def test_the_units_give_the_server_longer_to_stop_than_it_takes() -> None:
    for unit in ("daypass.service", "daypass-scheduler.service"):
        text = (DEPLOY / "systemd" / unit).read_text()
        match = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
        assert match and int(match[1]) >= 2 * STOP_PATIENCE_SECONDS
