"""Ory Hydra, by the path of its program: opaque tokens in PostgreSQL, introspected at its administrative port.

Nobody authenticates there. Settings: https://www.ory.sh/docs/hydra/reference/configuration.
"""

import os
import subprocess
from pathlib import Path

import requests

from bench.environment import Program, free_port
from bench.servers import Server
from bench.workspace import POSTGRESQL, Workspace

LIFE = "48h"
CLIENT = {"client_id": "bench", "client_secret": "chosen for measuring only"}
SETTINGS = {
    "LOG_LEVEL": "error",
    "SQA_OPT_OUT": "true",  # reports nothing to its makers
    "SECRETS_SYSTEM": "chosen for measuring only",
    "TTL_ACCESS_TOKEN": LIFE,
    "OAUTH2_HASHERS_ALGORITHM": "bcrypt",
    "OAUTH2_HASHERS_BCRYPT_COST": "4",  # of client secrets, which introspection does not read
}


def hydra(workspace: Workspace, program: Path) -> tuple[Server, Path, str]:
    """The server, to be started; the file of its tokens; and the path that introspects."""
    folder, url = workspace.filled(
        "hydra",
        POSTGRESQL,
        {"tokens": workspace.plan.tokens_of_others},
        lambda *where: _fill(workspace, program, *where),
    )
    server, _ = _serving(program, folder, url)
    return server, folder / "tokens.txt", "/admin/oauth2/introspect"


def version(program: Path) -> str:
    """Empty where the program was built from its source without saying which."""
    said = subprocess.run([str(program), "version"], capture_output=True, text=True, check=True).stdout
    found: str = said.split("Version:")[-1].split("\n")[0].strip()
    return "" if found == "master" else found


def _fill(workspace: Workspace, program: Path, folder: Path, url: str) -> None:
    """Its tables, a client, and tokens, each by a request of its own."""
    environment = os.environ | SETTINGS | {"DSN": _source(url)}
    subprocess.run([str(program), "migrate", "sql", "-e", "--yes"], env=environment, check=True, capture_output=True)
    server, public = _serving(program, folder, url)
    form = CLIENT | {"grant_type": "client_credentials"}
    with server, requests.Session() as session:
        client = CLIENT | {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post"}
        requests.post(f"{server.url}/admin/clients", json=client, timeout=10).raise_for_status()
        texts = [
            session.post(f"{public}/oauth2/token", form, timeout=10).json()["access_token"]
            for _ in range(workspace.plan.tokens_of_others)
        ]
    (folder / "tokens.txt").write_text("".join(f"{text}\n" for text in texts))


def _serving(program: Path, folder: Path, url: str) -> tuple[Server, str]:
    """The server at its administrative port, and the address of its public one."""
    port, public = free_port(), free_port()
    address = f"http://127.0.0.1:{public}"
    environment = (
        os.environ
        | SETTINGS
        | {
            "DSN": _source(url),
            "URLS_SELF_ISSUER": address,
            "SERVE_PUBLIC_HOST": "127.0.0.1",
            "SERVE_PUBLIC_PORT": str(public),
            "SERVE_ADMIN_HOST": "127.0.0.1",
            "SERVE_ADMIN_PORT": str(port),
        }
    )
    command = Program([str(program), "serve", "all", "--dev"], dict(environment), folder)
    return Server(command, port, folder / "server.log", "/health/ready"), address


def _source(url: str) -> str:
    return f"{url.replace('postgresql://', 'postgres://')}?sslmode=disable&max_conns=50&max_idle_conns=50"
