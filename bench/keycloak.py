"""Keycloak, by the path of its folder: signed tokens, introspected with the secret of a client, on PostgreSQL.

Configured for production (https://www.keycloak.org/server/configuration-production), without TLS and without a cluster.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

from bench.environment import Program, free_port
from bench.load import Carrier
from bench.servers import Server
from bench.subjects import basic, introspecting
from bench.workspace import POSTGRESQL, Workspace

REALM = CLIENT = "bench"
SECRET = PASSWORD = "chosen-for-measuring-only"
HOST = "http://keycloak.example.com"
"""Of the issuer: the same whichever port is free."""

LIFE_SECONDS = 2 * 24 * 3600
BUILT = ("--db=postgres", "--health-enabled=true", "--cache=local")
OPTIONS = {
    "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
    "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
    "KC_LOG_LEVEL": "warn",
    "KC_HTTP_ENABLED": "true",
    "KC_HTTP_HOST": "127.0.0.1",
    "KC_HOSTNAME": HOST,
    "KC_DB_USERNAME": "postgres",
    "KC_DB_PASSWORD": "none",
    "JAVA_OPTS_KC_HEAP": "-Xms512m -Xmx1g",
}
CARRIER: Carrier = introspecting(basic(CLIENT, SECRET))


def keycloak(workspace: Workspace, home: Path) -> tuple[Server, Path, str]:
    """The server, to be started; the file of its tokens; and the path that introspects."""
    folder, url = workspace.filled(
        "keycloak",
        POSTGRESQL,
        {"tokens": workspace.plan.tokens_of_others},
        lambda *where: _fill(workspace, home, *where),
    )
    return _serving(folder, url), folder / "tokens.txt", f"/realms/{REALM}/protocol/openid-connect/token/introspect"


def version(home: Path) -> str:
    said = subprocess.run(["sh", str(home / "bin" / "kc.sh"), "--version"], capture_output=True, text=True, check=True)
    found: str = said.stdout.split("\n")[0].removeprefix("Keycloak").strip()
    return found


def _fill(workspace: Workspace, home: Path, folder: Path, url: str) -> None:
    """A copy of the program that is built for PostgreSQL, a realm with a client, and tokens."""
    shutil.copytree(home, folder / "program", ignore=shutil.ignore_patterns("data"))
    command = ["sh", str(folder / "program" / "bin" / "kc.sh"), "build", *BUILT]
    subprocess.run(command, check=True, capture_output=True)
    with _serving(folder, url) as server, requests.Session() as session:
        administrator = _token(session, server, "master", client_id="admin-cli", grant_type="password",
                               username="admin", password=PASSWORD)  # fmt: skip
        headers = {"Authorization": f"Bearer {administrator}"}
        session.post(f"{server.url}/admin/realms", json=_realm(), headers=headers, timeout=60).raise_for_status()
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        texts = [_token(session, server, REALM, **form) for _ in range(workspace.plan.tokens_of_others)]
    (folder / "tokens.txt").write_text("".join(f"{text}\n" for text in texts))


def _realm() -> dict[str, Any]:
    """With a client that is in the audience of its tokens: it would learn of no others."""
    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": CLIENT, "access.token.claim": "true"},
    }
    client = {
        "clientId": CLIENT,
        "secret": SECRET,
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "protocolMappers": [mapper],
    }
    lives = {"accessTokenLifespan": LIFE_SECONDS, "ssoSessionMaxLifespan": LIFE_SECONDS}
    return {"realm": REALM, "enabled": True, "clients": [client]} | lives


def _token(session: requests.Session, server: Server, realm: str, **form: str) -> str:
    answer = session.post(f"{server.url}/realms/{realm}/protocol/openid-connect/token", form, timeout=60)
    answer.raise_for_status()
    text: str = answer.json()["access_token"]
    return text


def _serving(folder: Path, url: str) -> Server:
    port, management = free_port(), free_port()
    environment = os.environ | OPTIONS | {
        "KC_HTTP_PORT": str(port),
        "KC_HTTP_MANAGEMENT_PORT": str(management),
        "KC_DB_URL": f"jdbc:postgresql://{url.partition('@')[2]}",
    }  # fmt: skip
    command = Program(
        ["sh", str(folder / "program" / "bin" / "kc.sh"), "start", "--optimized"], dict(environment), folder
    )
    return Server(command, port, folder / "server.log", f"http://127.0.0.1:{management}/health/ready")
