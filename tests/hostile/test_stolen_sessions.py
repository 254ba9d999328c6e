"""A stolen password or session: a change of the password, or the end of the sessions, shuts out who has it."""

import re
import threading
from collections.abc import Callable

import pytest
import requests

from app.domain.identity import User
from app.services import Services
from tests.crowds import all_at_once
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, Refresh, issue, make_user, works
from tests.secrecy import PASSWORD_MARK

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

NEW = f"{PASSWORD_MARK}-that-is-new"
THIEVES = 3
AT_LEAST = 4
"""Sessions that are there before the owner acts."""


class Thief:
    """Signs in with the stolen password, again and again, and keeps each session and each token."""

    def __init__(self, url: str, username: str) -> None:
        self._url = url
        self._username = username
        self.sessions: list[requests.Session] = []

    def sign_in(self) -> bool:
        """Through the form, on a connection of its own: each goes to either worker."""
        browser = requests.Session()
        html = browser.get(f"{self._url}/login", timeout=60).text
        found = re.search(r'name="form_token" value="([^"]+)"', html)
        assert found is not None
        form = {"form_token": found[1], "username": self._username, "password": PASSWORD, "next": ""}
        answer = browser.post(f"{self._url}/login", form, allow_redirects=False, timeout=60)
        if answer.status_code == 303:
            self.sessions.append(browser)
        return answer.status_code == 303

    def is_inside(self) -> bool:
        """Whether one of the sessions opens a page, asked twice: on an old connection, and on a new one."""
        for browser in self.sessions:
            for headers in ({}, {"Connection": "close"}):
                page = f"{self._url}/account/auth"
                if browser.get(page, headers=headers, allow_redirects=False, timeout=60).status_code == 200:
                    return True
        return False

    def close(self) -> None:
        for browser in self.sessions:
            browser.close()


def steal(url: str, owner: User, act: Callable[[], object]) -> list[Thief]:
    """Thieves sign in while the owner acts, until all is over; all of them."""
    thieves, is_over = [Thief(url, owner.username) for _ in range(THIEVES)], threading.Event()

    def take(thief: Thief) -> None:
        while not is_over.is_set():
            thief.sign_in()

    def save() -> None:
        try:
            for _ in range(3000):
                if sum(len(thief.sessions) for thief in thieves) >= AT_LEAST:
                    break
                is_over.wait(0.01)
            act()
        finally:
            is_over.set()

    all_at_once([save, *((lambda thief=thief: take(thief)) for thief in thieves)])
    return thieves


def test_no_session_with_the_old_password_goes_on_or_begins_once_a_new_one_is_acknowledged(
    live_server: LiveServer, services: Services
) -> None:
    """◆ On any worker, and the tokens are revoked with it. Fails when sessions do not end with the password."""
    owner = make_user(services, password=PASSWORD)
    tokens: list[Refresh] = [issue(services, owner) for _ in range(3)]
    thieves = steal(
        live_server.url, owner,
        lambda: services.changing_passwords.set(owner.username, NEW, OPERATOR, revokes_tokens=True),
    )  # fmt: skip
    assert sum(len(thief.sessions) for thief in thieves) >= AT_LEAST
    assert not any(thief.is_inside() for thief in thieves)
    assert not any(thief.sign_in() for thief in thieves)
    assert not any(works(services, each) for each in tokens)
    for thief in thieves:
        thief.close()
