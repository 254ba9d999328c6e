"""The Python client of Daypass: active access tokens for ``requests`` and ``httpx``.

It holds what a script imports, except ``httpx`` support: that is an extra, in ``daypass_client.httpx_auth``.
"""

from daypass_client.errors import (
    ConfigurationError,
    DaypassError,
    MintingRefused,
    NotNow,
    OwnerDisabled,
    OwnerMustSignIn,
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
    "OwnerMustSignIn",
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
