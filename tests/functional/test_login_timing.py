"""Who cannot sign in, and why, shows neither in the answer nor in the work that it takes.

Work is time on a processor: what else the machine does, and what it waits for, says nothing about the sign-in.
"""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import Role
from app.services import Services
from app.services.throttling import ACCOUNT_WINDOW
from config import Settings
from tests.databases import application
from tests.factories import PASSWORD, disable, make_user
from tests.secrecy import PASSWORD_MARK

COST = 6
"""Less than an instance may have: what else takes time shows the more, and the suite is quicker."""

SAMPLES = 110
INDISTINGUISHABLE = (0.35, 0.65)
"""Bounds of the area under the ROC curve: 0.5 is a guess, 0 and 1 are certainty."""

WRONG = f"{PASSWORD_MARK}-that-is-wrong"
REFUSED = {
    "unknown user": ("nemo", PASSWORD),
    "wrong password": ("anna", WRONG),
    "disabled user": ("bert", PASSWORD),
    "user without a password": ("carl", PASSWORD),
    "wrong password with an e-mail": ("a@b.de", WRONG),
    "an e-mail of two": ("c@b.de", PASSWORD),
}
"""Names of one length, e-mails too, and the right password wherever there is one: it must not show either."""

REFUSED_ALIKE = (*REFUSED.values(), ("n@b.de", PASSWORD), ("b@b.de", PASSWORD), ("root", WRONG))
"""The same, and an unknown e-mail, that of a disabled user, and an administrator."""


class MovingClock:
    """Every attempt has budgets of its own: the window of the one before it is over."""

    now = datetime(2027, 3, 14, 15, 9, 26, 535897, UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def app(database_url: str, tmp_path: Path, clock: MovingClock) -> Iterator[Flask]:
    settings = Settings(instance=str(tmp_path), database_url=database_url, bcrypt_cost=COST)
    with application(settings, clock) as app:
        yield app


def make_the_refused(services: Services) -> None:
    make_user(services, "anna", password=PASSWORD, email="a@b.de")
    make_user(services, "bert", password=PASSWORD, email="b@b.de")
    disable(services, "bert")
    make_user(services, "carl")
    for name in ("cleo", "cora"):
        make_user(services, name, password=PASSWORD, email="c@b.de")


def sign_in(client: FlaskClient, username: str, password: str) -> TestResponse:
    body = {"username": username, "password": password, "name": "nightly-etl"}
    return client.post("/integration/v1/createRefreshToken/", json=body)


def seconds_taken(client: FlaskClient, clock: MovingClock, samples: int) -> dict[str, list[float]]:
    """The work of refused attempts of each kind, taken in turns so that whatever else goes on meets all alike."""
    order = random.Random(20270314)
    times: dict[str, list[float]] = {kind: [] for kind in REFUSED}
    for _ in range(samples):
        for kind in order.sample(sorted(REFUSED), len(REFUSED)):
            clock.now += ACCOUNT_WINDOW
            started = time.thread_time()
            status = sign_in(client, *REFUSED[kind]).status_code
            times[kind].append(time.thread_time() - started)
            assert status == 401
    return times


def area_under_roc(some: list[float], others: list[float]) -> float:
    """How probably one of `some` is longer than one of `others`."""
    longer = sum((one > other) + (one == other) / 2 for one in some for other in others)
    return longer / (len(some) * len(others))


def distinguishable(times: dict[str, list[float]]) -> dict[tuple[str, str], float]:
    """The pairs of kinds that their times tell apart."""
    low, high = INDISTINGUISHABLE
    areas = {(one, other): area_under_roc(times[one], times[other]) for one, other in combinations(times, 2)}
    return {pair: area for pair, area in areas.items() if not low <= area <= high}


def test_refused_sign_ins_take_the_same_work_whatever_the_reason(
    client: FlaskClient, services: Services, clock: MovingClock
) -> None:
    """◆ Fails when no dummy digest is computed for unknown and password-less users.

    Of fifteen pairs, chance alone tells one apart now and then. Then twice as many samples decide, in the same bounds.
    """
    make_the_refused(services)
    seconds_taken(client, clock, samples=3)  # whatever is done once is done
    times = seconds_taken(client, clock, SAMPLES)
    if distinguishable(times):
        again = seconds_taken(client, clock, SAMPLES)
        times = {kind: times[kind] + again[kind] for kind in REFUSED}
    assert distinguishable(times) == {}


def test_refused_sign_ins_are_answered_the_same_to_the_byte(client: FlaskClient, services: Services) -> None:
    """◆ Fails when the refusal of a disabled user says so."""
    make_the_refused(services)
    make_user(services, "root", Role.SERVER_ADMIN, PASSWORD)
    answers = [sign_in(client, *who) for who in REFUSED_ALIKE]
    for each in answers:
        del each.headers["X-Request-Id"]
    assert len({(each.status_code, each.data, str(each.headers)) for each in answers}) == 1
