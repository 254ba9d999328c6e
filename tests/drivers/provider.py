"""The tests' own OpenID provider, as tests start it and tell it what to do; ``provider_server`` is its process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3

from tests.patience import PATIENCE_SECONDS
from tests.secrecy import PASSWORD_MARK

ROOT = Path(__file__).parents[2]
CLIENT, SECRET = "daypass-of-the-tests", f"{PASSWORD_MARK}-of-the-client"
"""As which Daypass is known to each issuer. A log line with the secret fails its test (``secrecy``)."""

_pool = urllib3.PoolManager(maxsize=16, retries=False)


@dataclass(frozen=True)
class Issuer:
    """One of the provider's issuers; `url` is its identifier. Any name makes one."""

    name: str
    url: str

    def behave(self, **knobs: Any) -> "Issuer":
        """Change what it does, until :meth:`reset`; a knob that is not named stays as it is.

        `person`: the claims about who signs in, `sub` with them. `claims`: changes to those of the ID token; None takes
        one away, and ``{"in": -60}`` is a minute ago. `userinfo`: the same for that endpoint. `header`: the same for
        the ID token's header. `signed_by`: "key", "nobody" (alg none), "public key" (HS256 with it), or "stranger".
        `callback`: changes to the query with which the browser comes back. `answers`: by endpoint ("discovery", "keys",
        "token", "userinfo", "authorize"), what differs: `status`, `headers`, `body`, `json` (changes to its members),
        `megabytes` of blanks at the end, `drip` (seconds between two bytes). `signed_in`: how many seconds ago the
        person proved who they are; `ignores_fresh`: also where `max_age` or `prompt=login` asks for more.
        `codes_again`: a code is good for many times. `any_client`: secret, verifier and redirect address may be wrong.
        """
        self._control("behave", knobs)
        return self

    def reset(self) -> "Issuer":
        """Strict and honest again; its requests are forgotten."""
        self._control("reset", {})
        return self

    def asked(self, endpoint: str) -> list[dict[str, str]]:
        """The parameters of each request to that endpoint since :meth:`reset`, oldest first."""
        return [each["asked"] for each in self.requests() if each["endpoint"] == endpoint]

    def requests(self) -> list[dict[str, Any]]:
        """All requests since :meth:`reset`: `endpoint`, or the path of another, and what was `asked`."""
        told: list[dict[str, Any]] = self._control("tell", {})["requests"]
        return told

    @property
    def session(self) -> str:
        """Its own name for the person's session: `sid`."""
        return str(self._control("tell", {})["session"])

    def sign(self, claims: dict[str, Any], signed_by: str = "key", **header: Any) -> str:
        """A JWS of the issuer with these claims, such as a logout token."""
        return str(self._control("sign", {"claims": claims, "signed_by": signed_by, "header": header})["token"])

    def come_back(self, authorization_url: str) -> str:
        """What a browser is sent to that asks for this: the client's own address, with a code."""
        answer = _pool.request("GET", authorization_url, redirect=False, timeout=PATIENCE_SECONDS)
        assert answer.status == 302, answer.data
        return answer.headers["Location"]

    def environment(self, name: str) -> dict[str, str]:
        """The settings with which Daypass knows it by that name."""
        start = f"DAYPASS_OIDC_{name.upper()}_"
        return {f"{start}ISSUER": self.url, f"{start}CLIENT_ID": CLIENT, f"{start}CLIENT_SECRET": SECRET}

    def _control(self, verb: str, told: dict[str, Any]) -> dict[str, Any]:
        base = self.url.removesuffix(f"/{self.name}")
        content = json.dumps(told)  # NaN included, which others would refuse
        answer = _pool.request("POST", f"{base}/control/{self.name}/{verb}", body=content, timeout=PATIENCE_SECONDS)
        assert answer.status == 200, answer.data
        done: dict[str, Any] = answer.json()
        return done


@dataclass(frozen=True)
class Provider:
    """The process; `url` is its root."""

    url: str

    def issuer(self, name: str) -> Issuer:
        """The issuer with that name, honest and without a past."""
        return Issuer(name, f"{self.url}/{name}").reset()


@contextmanager
def running_provider() -> Iterator[Provider]:
    """The provider, until the end of the with block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.drivers.provider_server"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Provider(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.communicate(timeout=PATIENCE_SECONDS)


def query_of(url: str) -> dict[str, str]:
    """The parameters in an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
