"""What ``deploy/`` repeats of the code is the same as there: identity headers, settings, times."""

import os
import re
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.v4.paths import canonical
from app.cli.serving import STOP_PATIENCE_SECONDS
from app.gate.answers import IDENTITY
from app.http.body import LARGEST_BODY
from app.server.connections import HEAD_SECONDS, LARGEST_HEAD
from config import load_settings
from tests.layers import METADATA, is_of_a_layer

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


# Each wait for a client, and each limit of what it may send before it is passed on: headers, bodies, answers, idleness.
LIMITS = [
    *(("nginx/daypass.conf", line) for line in (
        r"^client_header_timeout +10s;", r"^client_body_timeout +10s;", r"^send_timeout +30s;",
        r"^keepalive_timeout +30s;", r"^large_client_header_buffers 4 8k;", r"^    limit_conn daypass_clients 256;",
        r"^limit_conn_zone   \$binary_remote_addr zone=daypass_clients:", r"^        include daypass/pass.conf;",
    )),
    *(("nginx/daypass/path.conf", line) for line in (r"^    include daypass/pass.conf;",)),
    *(("nginx/daypass/layers.conf", line) for line in (
        r"^    include daypass/pass.conf;", r"^    limit_conn daypass_clients 256;",
    )),
    ("nginx/daypass/pass.conf", r'^proxy_set_header Remote-User +"";'),
    *(("nginx/daypass/pass.conf", line) for line in (
        r"^proxy_request_buffering on;", r"^client_max_body_size    64k;", r"^client_body_buffer_size 64k;",
    )),
    *(("traefik/traefik.yml", line) for line in (
        r"^        readTimeout: 30s ", r"^        writeTimeout: 2m ", r"^        idleTimeout: 60s ",
        r"^      maxHeaderBytes: 32768$",
    )),
    *(("traefik/dynamic.yml", line) for line in (
        r"^      middlewares: \[small-bodies\]\n      service: daypass$",
        r"^      buffering:\n        maxRequestBodyBytes: 65536$",
        r"^        memRequestBodyBytes: 65536$",
    )),
    *(("envoy/envoy.yaml", line) for line in (
        r"^ +request_headers_timeout: 10s$", r"^ +request_timeout: 30s ", r"^ +stream_idle_timeout: 60s$",
        r"^ +idle_timeout: 60s ", r"^ +max_request_headers_kb: 32$", r"^ +max_request_bytes: 65536$",
        r"^      per_connection_buffer_limit_bytes: 65536$", r"^ +max_active_downstream_connections: \d+$",
    )),
    *(("caddy/Caddyfile", line) for line in (
        r"^\t\t\tread_header 10s$", r"^\t\t\tread_body 30s$", r"^\t\t\twrite 2m$", r"^\t\t\tidle 1m$",
        r"^\t\tmax_header_size 32KiB$", r"^\t\trequest_buffers 64KiB$", r"^\t\tmax_size 64KB$",
    )),
]  # fmt: skip

# Daypass's paths under the host of an API: the regular expression, at its only place in each kit.
LAYERS = [
    ("nginx/daypass/layers.conf", r'^location ~ "(\^/.*\$)" \{$'),
    ("traefik/dynamic.yml", r"^      rule: 'Host\(`one.example.com`\) && PathRegexp\(`(\^/.*\$)`\)'$"),
    ("envoy/envoy.yaml", r"^ +regex: '(\^/.*\$)'$"),
    ("caddy/Caddyfile", r"^\t@layers path_regexp layers `(\^/.*\$)`$"),
]

COOKIES_KEPT_BACK = [
    ("nginx/daypass/layers.conf", r'^    proxy_set_header Cookie "";'),
    ("nginx/daypass/ask.conf", r'^proxy_set_header Cookie +"";'),
    ("traefik/dynamic.yml", r"^      middlewares: \[small-bodies, without-cookie\]$"),
    ("envoy/envoy.yaml", r"^ +request_headers_to_remove: \[cookie\] "),
    ("caddy/Caddyfile", r"^\t\t\trequest_header -Cookie$"),
    ("caddy/Caddyfile", r"^\t\theader_up -Cookie$"),
]

LEAVES_AFTER = [
    ("nginx/daypass.conf", r"keepalive_timeout (\d+)s; +# shorter"),
    ("traefik/dynamic.yml", r"idleConnTimeout: (\d+)s"),
    ("envoy/envoy.yaml", r"idle_timeout: (\d+)s \}"),
    ("caddy/Caddyfile", r"keepalive (\d+)s"),
]


def stands_in(file: str, line: str) -> bool:
    return re.search(line, (DEPLOY / file).read_text(), re.MULTILINE) is not None


def all_in(file: str, line: str) -> list[str]:
    """The groups of all such lines of the file."""
    return re.findall(line, (DEPLOY / file).read_text(), re.MULTILINE)


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


@pytest.mark.parametrize(("file", "line"), LAYERS)
def test_every_route_of_an_api_compatibility_layer_and_no_other_is_daypass_under_the_host_of_an_api(
    app: Flask, file: str, line: str
) -> None:
    """◆ Fails when a path is taken out, or a layer gets another route; and with a prefix such as ``/oauth/``."""
    (paths,) = all_in(file, line)
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]+>", "5f5dbdd4-60b5-4f5b-b0a4-1ba60ba1ec2f", rule.rule).rstrip("/")
        for spelling in (path, f"{path}/"):
            assert (re.fullmatch(paths, spelling) is not None) is is_of_a_layer(rule.rule), spelling
        in_another_case = re.fullmatch(paths, path.swapcase()) is not None
        assert in_another_case is rule.rule.startswith("/v4"), rule.rule
    for path in (
        "/integration/v1/userinfo;x",
        "/integration/v1/userinfox",
        "/v4/apiAccessTokens/a/b",
        "/x/oauth/revoke",
    ):
        assert not re.fullmatch(paths, path)


def test_the_list_of_these_paths_is_the_same_in_every_kit() -> None:
    found = [all_in(file, line) for file, line in LAYERS]
    assert len({*map(tuple, found)}) == 1 and len(found[0]) == 1


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.from_regex(all_in(*LAYERS[0])[0], fullmatch=True))
def test_each_of_these_paths_is_a_route(app: Flask, path: str) -> None:
    """It would be hidden from the API for nothing. Fails when the list has another word."""
    path = canonical(path.strip())
    assert path.rstrip("/") == METADATA or app.url_map.bind("").allowed_methods(path), path


@pytest.mark.parametrize(("file", "line"), COOKIES_KEPT_BACK)
def test_the_cookies_of_an_api_are_not_sent_to_daypass(file: str, line: str) -> None:
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


@pytest.mark.parametrize(("file", "line"), LIMITS)
def test_each_wait_for_a_client_ends_in_every_proxy_and_what_it_may_send_is_limited(file: str, line: str) -> None:
    """◆ Fails when a limit is taken out."""
    assert stands_in(file, line)


@pytest.mark.parametrize(("file", "line"), LEAVES_AFTER)
def test_proxies_leave_idle_connections_before_daypass_does(file: str, line: str) -> None:
    """Or a request would meet one that is just closing. Fails when one keeps them for as long as Daypass."""
    found = re.findall(line, (DEPLOY / file).read_text())
    assert found and all(int(seconds) < HEAD_SECONDS for seconds in found)


def test_what_proxies_pass_on_is_what_daypass_accepts() -> None:
    assert LARGEST_HEAD == 32 * 1024
    assert LARGEST_BODY < 64 * 1024, "so that Daypass answers 413 itself, in its dialect"
