"""The exceptions; each text says what to do and where, and contains no secret.

::

    DaypassError
    ├── ConfigurationError      a setting is missing or wrong, or others can read its file
    ├── WrongAddress            the token is not for that address, or no Daypass answers at this one
    ├── RefreshTokenRefused     the server refuses this refresh token
    │   ├── RefreshTokenExpired
    │   ├── RefreshTokenRevoked
    │   ├── RefreshTokenUnknown
    │   ├── UserIdMismatch
    │   └── OwnerDisabled
    │       └── OwnerMustSignIn
    ├── MintingRefused          the server refuses for another reason
    └── NotNow                  the same may work later
        ├── RateLimited
        └── ServerUnavailable
"""


class DaypassError(Exception):
    """The base class of all exceptions of this package."""


class ConfigurationError(DaypassError):
    """A setting is missing or wrong. Trying again does not help."""


class WrongAddress(DaypassError):
    """The token is not for the address, so nothing was sent there; or no Daypass answers at it."""


class RefreshTokenRefused(DaypassError):
    """The refresh token does not work; raised itself if the server does not say why."""


class RefreshTokenExpired(RefreshTokenRefused):
    """The refresh token has expired."""


class RefreshTokenRevoked(RefreshTokenRefused):
    """The refresh token was revoked, or has a new secret."""


class RefreshTokenUnknown(RefreshTokenRefused):
    """The server does not know the refresh token."""


class UserIdMismatch(RefreshTokenRefused):
    """The refresh token belongs to another user id."""


class OwnerDisabled(RefreshTokenRefused):
    """The user that the refresh token belongs to is disabled."""


class OwnerMustSignIn(OwnerDisabled):
    """That user has not signed in with single sign-on for too long: signing in on the pages is enough."""


class MintingRefused(DaypassError):
    """The server refused for another reason; the text contains it."""


class NotNow(DaypassError):
    """Trying again later may help. `retry_after`: in how many seconds; None if the server does not say."""

    retry_after: float | None = None


class RateLimited(NotNow):
    """Too many requests, and ``Retry-After`` is longer than `patience`."""


class ServerUnavailable(NotNow):
    """The server or its database stayed unavailable for as long as `patience` allows."""
