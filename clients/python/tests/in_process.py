"""Helpers for clients in the process of the test."""

from pathlib import Path

import pytest

from app.domain.identity import Caller
from app.domain.tokens import Issued, RefreshToken
from clients.python.tests.conftest import Daypass
from daypass_client import DaypassAuth
from daypass_client import tokens as tokens_module

MACHINE = Caller("the test")


def environment(daypass: Daypass, refresh: Issued[RefreshToken]) -> dict[str, str]:
    return {"DAYPASS_URL": daypass.url, "DAYPASS_REFRESH_TOKEN": refresh.secret}


def auth_of(daypass: Daypass, refresh: Issued[RefreshToken], **options: object) -> DaypassAuth:
    return DaypassAuth(url=daypass.url, refresh_token=refresh.secret, **options)  # type: ignore[arg-type]


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the state of this process, as if it had just started."""
    monkeypatch.setattr(tokens_module, "_slots", {})


def kept(folder: Path) -> Path:
    (path,) = folder.glob("*.token")
    return path
