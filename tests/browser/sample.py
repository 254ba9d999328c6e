"""An instance as one finds it after some months, made through the services with a clock that is set back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, insert, update

from app.domain.clock import system_clock
from app.domain.errors import TokenRefused
from app.domain.identity import ApiTokens, Caller, Role, User
from app.http.context import parts
from app.services import Services
from app.services.held_tokens import BySecret
from app.storage import check_counts
from app.storage.database import Database
from app.storage.operating_tables import AccountBudgetRow
from app.storage.tables import RefreshTokenRow, SessionRow
from config import Settings
from tests.databases import application
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    configure,
    disable,
    fight_over,
    lock_sign_in,
    revoke,
    set_api_tokens,
    signed_in,
    with_token,
)

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

ADMINISTRATOR, AWAY, PERSON, DENIED, NEWCOMER, LATE, OFF = (
    "clara", "ida", "anna", "denis", "noor", "leif", "olga"
)  # fmt: skip
"""Who can sign in with ``PASSWORD``, but for the one who is disabled. The second is an administrator as well, who is
asked for the password again; the denied may not create tokens; the newcomer has a temporary password,
and so had the late one, whose has expired."""

WORDY = "walter-with-a-long-name-who-signs-in-from-far-away.and.has.a.team+too@example.com"
"""Somebody whose names are as long as they may be."""

LONG_NAME = "a-name-without-any-break-" + "x" * 230
LONG_WORDS = "the quarterly export of everything that the warehouse holds about suppliers and what they deliver " * 2

NAMES = [
    "adam", "ben", "birgit", "carlos", "dana", "david", "elena", "emil", "fatima", "felix", "frida", "gustav",
    "hana", "hugo", "ines", "ivan", "jana", "jonas", "julia", "kai", "karim", "laura", "lena", "leo", "lucia",
    "maja", "marek", "mia", "nadia", "nils", "oscar", "paula", "rosa", "sami", "tara", "tom", "vera", "yusuf",
    "zoe",
]  # fmt: skip

SCRIPTS = [
    "nightly-etl", "catalog-sync", "lineage-export", "dashboards", "dbt-docs", "airflow", "quality-checks",
    "usage-report", "glossary-import", "tableau-refresh", "backup", "terraform", "sandbox", "notebook",
]  # fmt: skip

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HOURS_OF_CHECKS = 48


class SetClock:
    """A clock that shows what it was set to."""

    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=7)  # no two things happen at once
        return self.now


@dataclass
class Past:
    """The services of a database, and the clock by which they act."""

    services: Services
    database: Database
    clock: SetClock
    present: datetime

    def ago(self, span: timedelta) -> None:
        self.clock.now = self.present - span

    def user(self, username: str, role: Role = Role.VIEWER, password: str | None = None) -> User:
        profile = {"email": f"{username}@example.com", "first_name": username.capitalize()}
        return self.services.accounts.add(username, role, password, OPERATOR, **({} if "@" in username else profile))

    def issue(self, user: User, name: str, age: timedelta) -> Refresh:
        self.ago(age)
        return self.services.issuing.issue(user.id, name, replace(signed_in(user), address="192.0.2.7"))

    def mint(self, refresh: Refresh, age: timedelta, *, used: bool = True) -> Access:
        self.ago(age)
        access = self.services.minting.mint(BySecret(refresh.secret), Caller("", address="192.0.2.7"))
        if used:
            self.use(access.secret, age - timedelta(minutes=3))
        return access

    def use(self, secret: str, age: timedelta) -> None:
        self.ago(age)
        try:
            principal = self.services.verifier.verify(secret)
        except TokenRefused:
            return
        self.services.last_use.note(principal, "192.0.2.7", "python-requests/2.34")

    def revoke(self, refresh: Refresh, age: timedelta, reason: str) -> None:
        self.ago(age)
        revoke(self.services, refresh, reason)

    def find(self, secret: str) -> None:
        """As if a script had put it into an address, some minutes ago."""
        self.ago(timedelta(minutes=20))
        self.services.strays.look_in(secret, "the path of a request", lambda: Caller("", address="192.0.2.7"))
        self.services.last_use.flush()

    def generate(
        self,
        user: User,
        description: str,
        days: int | None,
        age: timedelta,
        *,
        used: bool = True,
        caller: Caller | None = None,
    ) -> Access:
        self.ago(age)
        lifetime = None if days is None else timedelta(days=days)
        made = self.services.single_tier.generate(user.id, lifetime, description, caller or signed_in(user))
        if used:
            self.use(made.secret, age / 2)
        return made

    def generate_by_refresh_token(self, user: User, refresh: Refresh, access: Access, age: timedelta) -> None:
        """An API token made with an access token of a refresh token, while that is allowed."""
        configure(self.services, api_can_create_refresh_tokens="on")
        caller = with_token(user, access, refresh)
        self.generate(user, "made by the nightly job", 20, age, caller=caller)
        configure(self.services, api_can_create_refresh_tokens="off")

    def spend_regenerations(self, refresh: Refresh) -> None:
        """As if a script had regenerated it as often as it may, and has to wait."""
        spent = {"regenerations_in_hour": 60, "hour_ends_at": self.present + HOUR}
        with self.database.transaction() as session:
            session.execute(update(RefreshTokenRow).where(RefreshTokenRow.id == refresh.token.id).values(**spent))

    def spend_creations(self, user: User) -> None:
        """As if the user had created as many tokens as may be."""
        spent = {"mints_in_hour": 0, "creations_in_hour": 3600, "hour_ends_at": self.present + HOUR}
        with self.database.transaction() as session:
            session.execute(delete(AccountBudgetRow).where(AccountBudgetRow.user_id == user.id))
            session.execute(insert(AccountBudgetRow).values(user_id=user.id, **spent))

    def forget_passwords(self, username: str) -> None:
        """As if this user had signed in an hour ago, and gone on since."""
        self.change_sessions(username, proved_at=system_clock() - HOUR)

    def change_sessions(self, username: str, **values: datetime) -> None:
        mine = SessionRow.user_id == self.services.accounts.get(username).id
        with self.database.transaction() as session:
            session.execute(update(SessionRow).where(mine).values(**values))


@contextmanager
def past_of(database_url: str, folder: Path) -> Iterator[Past]:
    """The services on that database, under a clock of their own."""
    clock = SetClock()
    settings = Settings(instance=str(folder), database_url=database_url, bcrypt_cost=10, log_level="ERROR")
    with application(settings, clock) as app:
        yield Past(parts(app).services, app.extensions["daypass_database"], clock, system_clock())


def fill(past: Past) -> None:
    """Put all of it there; the same each time, but for secrets and ids."""
    chance = random.Random(11)
    _fill_crowd(past, chance)
    _fill_people(past)
    _fill_wordy(past)
    _fill_sign_ins(past)
    _fill_checks(past, chance)
    past.ago(5 * HOUR)
    lock_sign_in(past.services, NAMES[-2])
    past.ago(timedelta(0))


def _fill_people(past: Past) -> None:
    past.ago(150 * DAY)
    clara = past.user(ADMINISTRATOR, Role.SERVER_ADMIN, PASSWORD)
    past.user(AWAY, Role.SERVER_ADMIN, PASSWORD)
    past.issue(clara, "backup", 20 * DAY)
    board = past.generate(clara, "status board", None, 90 * DAY)
    for number in range(23):
        caller = with_token(clara, board)
        past.generate(clara, f"report {number + 1}", 30, 3 * DAY, used=False, caller=caller)

    past.ago(130 * DAY)
    anna = past.user(PERSON, Role.STEWARD, PASSWORD)
    set_api_tokens(past.services, PERSON, ApiTokens.ALLOW)
    past.issue(anna, "first-try", 100 * DAY)
    past.revoke(past.issue(anna, "old-laptop", 40 * DAY), 12 * DAY, "the laptop was sold")
    sync = past.issue(anna, "catalog-sync", 58 * DAY)
    past.mint(sync, 3 * DAY)
    past.spend_regenerations(sync)
    nightly = past.issue(anna, "nightly-etl", 9 * DAY)
    minted = past.mint(nightly, 5 * HOUR)
    past.issue(anna, "lineage-export", 10 * timedelta(minutes=1))
    past.generate(anna, "spreadsheet add-in", 30, 50 * DAY)
    dashboard = past.generate(anna, "dashboard in the hall", None, 33 * DAY)
    past.generate(anna, "dashboard upstairs", 365, 30 * DAY, caller=with_token(anna, dashboard))
    past.generate_by_refresh_token(anna, nightly, minted, 4 * HOUR)
    past.generate(anna, "", 7, 2 * DAY, used=False)

    past.ago(60 * DAY)
    past.user(DENIED, password=PASSWORD)
    set_api_tokens(past.services, DENIED, ApiTokens.DENY)
    past.user(OFF)
    disable(past.services, OFF)


def _fill_wordy(past: Past) -> None:
    past.ago(45 * DAY)
    wordy = past.user(WORDY, Role.COMPOSER, PASSWORD)
    set_api_tokens(past.services, WORDY, ApiTokens.ALLOW)
    past.mint(past.issue(wordy, LONG_NAME[:255], 3 * DAY), HOUR)
    past.find(past.issue(wordy, LONG_WORDS[:255].strip(), 2 * DAY).secret)
    fight_over(past.services, past.issue(wordy, "quality-checks", 2 * HOUR))
    past.issue(wordy, "<script>alert(1)</script>", DAY)
    past.mint(past.issue(wordy, "גיבוי לילי (2)", 3 * HOUR), HOUR)
    past.find(past.generate(wordy, LONG_WORDS[:255].strip(), 90, DAY).secret)

    past.spend_creations(wordy)


def _fill_sign_ins(past: Past) -> None:
    for name, age in ((LATE, 80 * HOUR), (NEWCOMER, 5 * HOUR)):
        past.ago(age)
        past.services.accounts.add(name, Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)
    for minutes, address, agent in ((25, "192.0.2.44", PHONE), (19, None, None), (8, "2001:db8:0:7::19", LAPTOP)):
        past.ago(timedelta(minutes=minutes))
        past.services.sessions.sign_in(PERSON, PASSWORD, Caller("", address=address), None, user_agent=agent)


def _fill_crowd(past: Past, chance: random.Random) -> None:
    """Some three hundred tokens; the active ones end at any time in the next sixty days."""
    roles = (Role.VIEWER, Role.VIEWER, Role.EXPLORER, Role.COMPOSER, Role.STEWARD, Role.SOURCE_ADMIN)
    for number, name in enumerate(NAMES):
        past.ago((200 - number) * DAY)
        user = past.user(name, chance.choice(roles))
        for script in chance.sample(SCRIPTS, chance.randint(1, 6)):
            _fill_script(past, chance, user, script)
        if number % 5 == 0:
            set_api_tokens(past.services, name, ApiTokens.ALLOW)
            past.generate(user, chance.choice(SCRIPTS), chance.choice((30, 90, 365, None)), chance.randint(1, 80) * DAY)
        if number % 13 == 5:
            past.ago(chance.randint(1, 20) * DAY)
            disable(past.services, name)


def _fill_script(past: Past, chance: random.Random, user: User, script: str) -> None:
    # Most are younger than their life of sixty days; one in six has ended.
    age = chance.uniform(0.1, 59.9) * DAY if chance.random() < 0.85 else chance.uniform(61, 85) * DAY
    refresh = past.issue(user, script, age)
    for each in sorted((chance.uniform(0.02, 1.9) * DAY for _ in range(chance.randint(0, 3))), reverse=True):
        if age - each < 60 * DAY and each < age:
            past.mint(refresh, each, used=chance.random() < 0.8)
    if chance.random() < 0.15 and age < 60 * DAY:
        past.revoke(refresh, min(age, chance.uniform(0.05, 1.5) * DAY), "its secret was in a log")


def _fill_checks(past: Past, chance: random.Random) -> None:
    """More by day than by night, and a few hours in which somebody used a token that had ended."""
    first = past.present.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - (HOURS_OF_CHECKS - 1) * HOUR
    with past.database.transaction() as session:
        for each in range(HOURS_OF_CHECKS):
            hour = first + each * HOUR
            busy = 1.0 if 6 <= hour.hour <= 18 else 0.35
            refused = 900 + chance.randint(0, 400) if each in (29, 30) else chance.randint(5, 60)
            check_counts.add(session, hour, int(busy * chance.randint(3200, 5200)), refused)
