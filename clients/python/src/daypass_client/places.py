"""The places where a refresh token is, and a new secret of it is written: what each of them can do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from daypass_client.secrecy import Secret

Keep = Callable[[Secret], None]
"""Writes a new secret to the place, so that it outlives a loss of power when this returns."""


class Place(Protocol):
    """Its text names it in messages. `is_shared`: other machines may write to the same place."""

    @property
    def is_shared(self) -> bool:
        """Whether to find out, before writing to it, if another machine has."""

    def read(self) -> Secret | None:
        """The secret there now, of the same refresh token; None if it cannot be read."""

    def opened(self, secret: Secret, began_elsewhere: bool) -> AbstractContextManager[Keep]:
        """Test that the place can be written, and give the function that writes.

        `secret`: what is there. `began_elsewhere`: another machine has rotated, so that there is a new secret already.
        Raises ConfigurationError, also while the function runs, if nothing can be written, and NotNow.
        """
