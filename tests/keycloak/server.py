"""A real Keycloak: in a process of its own on free ports of this machine, with the realms of this folder."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from string import Template
from typing import Any

import requests
from filelock import FileLock

from tests.drivers.server import free_port
from tests.keycloak.distribution import BUILD, distribution
from tests.secrecy import PASSWORD_MARK

HERE = Path(__file__).parent

ADMINISTRATOR, ADMINISTRATOR_PASSWORD = "keycloak-admin", f"{PASSWORD_MARK}-of-keycloak"

START_SECONDS = 400
"""The first start puts its parts together, which took half a minute on two busy cores."""

STOP_SECONDS = 60


class Keycloak:
    """In development mode, with an empty database of its own; one runs at a time on this machine.

    It is called ``localhost`` and Daypass ``127.0.0.1``, so that for a browser they are two sites, as in earnest.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = BUILD / "keycloak.log"
        self._held = ExitStack()

    def __enter__(self) -> "Keycloak":
        home = distribution()
        self._held.enter_context(FileLock(BUILD / "running.lock", timeout=START_SECONDS))
        shutil.rmtree(home / "data", ignore_errors=True)
        try:
            self._start(home)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_SECONDS)
            self._process = None
        self._held.close()

    def _start(self, home: Path) -> None:
        words = (
            "start-dev", "--cache=local", "--http-host=127.0.0.1", f"--http-port={self.port}",
            f"--hostname={self.url}", f"--http-management-port={free_port()}",
        )  # fmt: skip
        environment = os.environ | {
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMINISTRATOR,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMINISTRATOR_PASSWORD,
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", str(home / "bin" / "kc.sh"), *words], env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            said = self._log.read_text(errors="replace")
            assert self._process.poll() is None, f"Keycloak did not start:\n{said}"
            assert time.monotonic() < deadline, f"Keycloak did not start in {START_SECONDS} s:\n{said}"
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        with suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{self.issuer('master')}/.well-known/openid-configuration", timeout=5).ok
        return False

    def add_realm(self, realm: str, **values: str) -> None:
        """Import ``<realm>.json``, where ``${NAME}`` stands for one of these values."""
        text = Template((HERE / f"{realm}.json").read_text()).substitute(values)
        self._call("POST", "", data=text, headers={"Content-Type": "application/json"})

    def issuer(self, realm: str) -> str:
        return f"{self.url}/realms/{realm}"

    def user_id(self, realm: str, username: str) -> str:
        """The person's `sub`."""
        (found,) = self.call("GET", realm, "/users", params={"username": username, "exact": "true"})
        return str(found["id"])

    def update_user(self, realm: str, username: str, **fields: object) -> None:
        path = f"/users/{self.user_id(realm, username)}"
        self.call("PUT", realm, path, json=self.call("GET", realm, path) | fields)

    def set_role(self, realm: str, username: str, role: str) -> None:
        """Give the person that role of the client `daypass`, and no other."""
        (client,) = self.call("GET", realm, "/clients", params={"clientId": "daypass"})
        mapped = f"/users/{self.user_id(realm, username)}/role-mappings/clients/{client['id']}"
        self.call("DELETE", realm, mapped, json=self.call("GET", realm, mapped))
        self.call("POST", realm, mapped, json=[self.call("GET", realm, f"/clients/{client['id']}/roles/{role}")])

    def end_sessions(self, realm: str, username: str) -> None:
        """As an administrator does: Users → the person → Sessions → Logout all sessions."""
        self.call("POST", realm, f"/users/{self.user_id(realm, username)}/logout")

    def call(self, method: str, realm: str, path: str, **options: Any) -> Any:
        """A call of the Admin REST API on a realm; its answer as JSON, if it has one."""
        return self._call(method, f"/{realm}{path}", **options)

    def _call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token()}", **(headers or {})}
        url = f"{self.url}/admin/realms{path}"
        answer = requests.request(method, url, headers=headers, timeout=60, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _token(self) -> str:
        """One for each call: they last a minute."""
        form = {
            "grant_type": "password", "client_id": "admin-cli",
            "username": ADMINISTRATOR, "password": ADMINISTRATOR_PASSWORD,
        }  # fmt: skip
        answer = requests.post(f"{self.issuer('master')}/protocol/openid-connect/token", data=form, timeout=60)
        assert answer.ok, f"{answer.status_code} {answer.text}"
        return str(answer.json()["access_token"])
