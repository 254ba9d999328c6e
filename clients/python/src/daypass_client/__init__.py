"""A client's half of Daypass: good access tokens for ``requests`` and ``httpx``, and nothing to think about.

Here belongs what a script imports. Not here: ``httpx`` (``daypass_client.httpx_auth``), which is an extra.
"""

from daypass_client.errors import (
    ConfigurationError,
    DaypassError,
    MintingRefused,
    NotNow,
    OwnerDisabled,
    RateLimited,
    RefreshTokenExpired,
    RefreshTokenRefused,
    RefreshTokenRevoked,
    RefreshTokenUnknown,
    ServerUnavailable,
    UserIdMismatch,
    WrongAddress,
)
from daypass_client.requests_auth import DaypassAuth, Session
from daypass_client.secrecy import SecretFilter

__all__ = [
    "ConfigurationError",
    "DaypassAuth",
    "DaypassError",
    "MintingRefused",
    "NotNow",
    "OwnerDisabled",
    "RateLimited",
    "RefreshTokenExpired",
    "RefreshTokenRefused",
    "RefreshTokenRevoked",
    "RefreshTokenUnknown",
    "SecretFilter",
    "ServerUnavailable",
    "Session",
    "UserIdMismatch",
    "WrongAddress",
]
