"""What can go wrong, each with a text that says what to do and where.

::

    DaypassError
    ├── ConfigurationError      a setting is missing or wrong, or its file can be read by others
    ├── WrongAddress            the token is not for that address, or no Daypass answers at this one
    ├── RefreshTokenRefused     minting does not work any more with this refresh token
    │   ├── RefreshTokenExpired
    │   ├── RefreshTokenRevoked
    │   ├── RefreshTokenUnknown
    │   ├── UserIdMismatch
    │   └── OwnerDisabled
    ├── MintingRefused          any other refusal of the mint
    └── NotNow                  the same may work in a moment
        ├── RateLimited
        └── ServerUnavailable

No text holds a secret. Not here: which answer of a server is which error (``minting``).
"""


class DaypassError(Exception):
    """The root: catch this."""


class ConfigurationError(DaypassError):
    """A setting is missing or wrong. Asking again does not help."""


class WrongAddress(DaypassError):
    """Something would have gone to an address that it is not for, or there is no Daypass. Nothing was sent there."""


class RefreshTokenRefused(DaypassError):
    """The refresh token does not work (any more); raised itself where a server says no more than that."""


class RefreshTokenExpired(RefreshTokenRefused):
    """Its time is over."""


class RefreshTokenRevoked(RefreshTokenRefused):
    """Somebody ended it, or gave it a new secret."""


class RefreshTokenUnknown(RefreshTokenRefused):
    """The server never made it."""


class UserIdMismatch(RefreshTokenRefused):
    """It belongs to another user id."""


class OwnerDisabled(RefreshTokenRefused):
    """The account it belongs to is deactivated."""


class MintingRefused(DaypassError):
    """The server refused for another reason, which the text tells."""


class NotNow(DaypassError):
    """Asking again later may help. `retry_after`: after how many seconds, where the server said so."""

    retry_after: float | None = None


class RateLimited(NotNow):
    """Too many requests, and waiting as long as the server wants would take longer than we may."""


class ServerUnavailable(NotNow):
    """The server or its database is away, and was so for as long as we may wait."""
