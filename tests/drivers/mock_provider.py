"""The provider of the package oidc-provider-mock, which nobody here wrote, as a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.drivers.server import START_SECONDS
from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True)
class MockProvider:
    """`url`: its issuer. It asks for no password: its page takes any subject."""

    url: str

    def say_of(self, subject: str, **claims: Any) -> None:
        """What it says of a person from now on."""
        requests.put(f"{self.url}/users/{subject}", json=claims, timeout=PATIENCE_SECONDS).raise_for_status()


@contextmanager
def mock_provider(url: str) -> Iterator[MockProvider]:
    """The provider, until the end of the with block, with this issuer: http://localhost and a free port."""
    words = [sys.executable, "-m", "oidc_provider_mock", "--port", str(urlsplit(url).port)]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONWARNINGS")}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < deadline, "the provider did not start"
            time.sleep(0.05)
        yield MockProvider(url)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/.well-known/openid-configuration", timeout=PATIENCE_SECONDS).ok
    return False
