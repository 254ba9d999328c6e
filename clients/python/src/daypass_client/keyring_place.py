"""The system's keyring as the place of a refresh token: ``pip install daypass-client[keyring]``."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from daypass_client.errors import ConfigurationError
from daypass_client.places import Keep
from daypass_client.secrecy import Secret, public_id_of, without_secrets

SPARE = " (daypass-client)"
"""Ends the name of an entry with the new secret, while the entry itself is written: some keyrings delete it first."""


class KeyringPlace:
    """An entry of the keyring, as ``keyring set SERVICE NAME`` makes it."""

    is_shared = False

    def __init__(self, service: str, name: str) -> None:
        self._service = service
        self._name = name
        self._keyring = _keyring()

    def __str__(self) -> str:
        return f"the keyring's entry {self._service} {self._name}"

    def read(self) -> Secret | None:
        """The secret in the entry now; that in the spare one, if a process was killed between."""
        found = self._get(self._name) or self._get(self._name + SPARE)
        return Secret(found.strip()) if found else None

    @contextmanager
    def opened(self, secret: Secret, began_elsewhere: bool) -> Iterator[Keep]:
        """Write the spare entry first."""
        self._set(self._name + SPARE, secret)
        yield self._replace

    def _replace(self, new: Secret) -> None:
        now = self.read()
        if now is not None and public_id_of(now) != public_id_of(new):
            raise self._unkept("another refresh token is in it now")
        for name in (self._name + SPARE, self._name):
            self._set(name, new)
        try:
            self._keyring.delete_password(self._service, self._name + SPARE)
        except Exception:  # noqa: BLE001 - a spare entry does no harm
            return

    def _get(self, name: str) -> str | None:
        try:
            found = self._keyring.get_password(self._service, name)
        except Exception as error:  # noqa: BLE001 - each backend has exceptions of its own
            raise self._unkept(str(error)) from None
        return found if isinstance(found, str) else None

    def _set(self, name: str, secret: Secret) -> None:
        try:
            self._keyring.set_password(self._service, name, str(secret))
        except Exception as error:  # noqa: BLE001
            raise self._unkept(str(error)) from None
        if self._get(name) != secret:
            raise self._unkept("it does not keep what is written")

    def _unkept(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self} cannot be used: {without_secrets(why)}.")


def _keyring() -> ModuleType:
    try:
        import keyring
    except ImportError:
        raise ConfigurationError(
            "DAYPASS_KEYRING needs the library keyring: pip install 'daypass-client[keyring]'."
        ) from None
    return keyring
