"""Who cannot sign in, and why, shows neither in the answer nor in the time that it takes."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.errors import BadCredentials
from app.domain.identity import Caller, Role
from app.factory import create_app, db
from app.http.context import parts
from app.services import Services
from app.services.accounts import Accounts
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords
from app.services.throttling import WINDOW, LoginThrottle
from config import Settings
from tests.databases import KEYS, SqliteFiles
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.secrecy import PASSWORD_MARK

COST = 6
"""Less than an instance may have: what else takes time shows the more, and the suite is quicker."""

SAMPLES = 150
INDISTINGUISHABLE = (0.35, 0.65)
"""Bounds of the area under the ROC curve: 0.5 is a guess, 0 and 1 are certainty."""

WRONG = f"{PASSWORD_MARK}-that-is-wrong"
REFUSED = {
    "unknown user": ("nemo", PASSWORD),
    "wrong password": ("anna", WRONG),
    "disabled user": ("bert", PASSWORD),
    "user without a password": ("carl", PASSWORD),
}
"""Names of one length, and the right password wherever there is one: it must not show either."""


class MovingClock:
    """Every attempt has budgets of its own: the window of the one before it is over."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 14, 15, 9, 26, 535897, UTC)

    def __call__(self) -> datetime:
        return self.now

    def next_window(self) -> None:
        self.now += WINDOW


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def sqlite_app(sqlite_files: SqliteFiles, tmp_path: Path, clock: MovingClock) -> Iterator[Flask]:
    with sqlite_files.fresh(tmp_path) as url:
        app = create_app(Settings(instance=str(tmp_path), database_url=url, bcrypt_cost=COST), KEYS, clock)
        yield app
        with app.app_context():
            db.engine.dispose()


def make_the_refused(services: Services) -> None:
    make_user(services, "anna", password=PASSWORD)
    make_user(services, "bert", password=PASSWORD)
    services.accounts.change("bert", {"is_active": False}, OPERATOR)
    make_user(services, "carl")


def sign_in(client: FlaskClient, username: str, password: str) -> TestResponse:
    body = {"username": username, "password": password, "name": "nightly-etl"}
    return client.post("/integration/v1/createRefreshToken/", json=body)


def seconds_taken(
    attempt: Callable[[str, str], object], clock: MovingClock, samples: int = SAMPLES
) -> dict[str, list[float]]:
    """The times of refused attempts of each kind, taken in turns so that whatever else goes on meets all alike."""
    order = random.Random(20270314)
    times: dict[str, list[float]] = {kind: [] for kind in REFUSED}
    for _ in range(samples):
        for kind in order.sample(sorted(REFUSED), len(REFUSED)):
            clock.next_window()
            started = time.perf_counter()
            attempt(*REFUSED[kind])
            times[kind].append(time.perf_counter() - started)
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


@pytest.mark.measures_time
def test_refused_sign_ins_take_the_same_time_whatever_the_reason(sqlite_app: Flask, clock: MovingClock) -> None:
    """◆ Fails when no dummy digest is computed for unknown and password-less users: see the test below."""
    make_the_refused(parts(sqlite_app).services)
    client = sqlite_app.test_client()

    def attempt(username: str, password: str) -> None:
        assert sign_in(client, username, password).status_code == 401

    seconds_taken(attempt, clock, samples=3)  # whatever is done once is done
    assert distinguishable(seconds_taken(attempt, clock)) == {}


class HastyPasswords(Passwords):
    """The fault: where there is no digest to compare with, none is computed."""

    def matches(self, password: str, stored: str | None) -> bool:
        return stored is not None and super().matches(password, stored)


@pytest.mark.measures_time
def test_a_missing_dummy_digest_is_caught_by_the_same_measurement(sqlite_app: Flask, clock: MovingClock) -> None:
    make_the_refused(parts(sqlite_app).services)
    database = sqlite_app.extensions["daypass_database"]
    throttle = LoginThrottle(database, clock, KEYS.pepper)
    accounts = Accounts(database, clock, HastyPasswords(KEYS.pepper, COST, 1, 3), throttle, Idempotency(KEYS.pepper))

    def attempt(username: str, password: str) -> None:
        with pytest.raises(BadCredentials):
            accounts.authenticate(username, password, Caller("", address="127.0.0.1"))

    found = distinguishable(seconds_taken(attempt, clock, samples=40))
    assert found.keys() == {
        ("unknown user", "wrong password"),
        ("unknown user", "disabled user"),
        ("wrong password", "user without a password"),
        ("disabled user", "user without a password"),
    }


def test_the_measurement_tells_a_millisecond_from_none_and_nothing_from_nothing() -> None:
    noise = random.Random(20270314)
    some, others = ([noise.gauss(60, 1) for _ in range(SAMPLES)] for _ in range(2))
    assert 0.4 < area_under_roc(some, others) < 0.6
    assert area_under_roc([each + 1 for each in some], others) > INDISTINGUISHABLE[1]
    assert area_under_roc(some, [each + 1 for each in others]) < INDISTINGUISHABLE[0]
    assert area_under_roc([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert area_under_roc([1.0], [2.0]) == 0


def test_refused_sign_ins_are_answered_the_same_to_the_byte(client: FlaskClient, services: Services) -> None:
    """◆ Fails when the refusal of a disabled user says so."""
    make_the_refused(services)
    make_user(services, "root", Role.SERVER_ADMIN, PASSWORD)
    answers = {_bytes_of(sign_in(client, *who)) for who in [*REFUSED.values(), ("root", WRONG)]}
    assert len(answers) == 1


def _bytes_of(answer: TestResponse) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    headers = [(name, value) for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")]
    return answer.status_code, answer.data, tuple(headers)
