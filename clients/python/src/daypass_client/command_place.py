"""A command of the user's that stores a new secret from its standard input, such as one of a secret manager."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from daypass_client.errors import ConfigurationError
from daypass_client.places import Keep
from daypass_client.secrecy import Secret, without_secrets

TIMEOUT_SECONDS = 60.0

LONGEST_DETAIL = 200


class CommandPlace:
    """`words`: the program and its arguments; exit code 0 says that the secret is stored."""

    is_shared = True

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def __str__(self) -> str:
        return f"the command {self._words[0]}"

    def read(self) -> None:
        """Nothing: the command only stores."""

    @contextmanager
    def opened(self, secret: Secret, began_elsewhere: bool) -> Iterator[Keep]:
        """Store what is there once more, unless another machine may have stored the new secret."""
        if not began_elsewhere:
            self._store(secret)
        yield self._store

    def _store(self, secret: Secret) -> None:
        problem = self._problem(str(secret).encode())
        if problem:
            raise ConfigurationError(
                f"DAYPASS_ROTATE_COMMAND, {self}, did not store the refresh token ({problem}), which is not rotated, or"
                " goes on with its old secret. Correct the command."
            )

    def _problem(self, secret: bytes) -> str | None:
        try:
            done = subprocess.run(self._words, input=secret, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"it took longer than {TIMEOUT_SECONDS:.0f} seconds"
        except (OSError, ValueError) as error:
            return str(getattr(error, "strerror", None) or type(error).__name__)
        if done.returncode == 0:
            return None
        said = without_secrets(" ".join(done.stderr.decode(errors="replace").split()))[-LONGEST_DETAIL:]
        return f"exit code {done.returncode}" + (f": {said}" if said else "")
