"""What happened to an instance, made through the services with a clock that is set back."""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import delete, insert, update

from app.domain.clock import system_clock
from app.domain.errors import TokenRefused
from app.domain.identity import Caller, Role, User
from app.http.context import parts
from app.services import Services
from app.services.held_tokens import BySecret
from app.storage.database import Database
from app.storage.operating_tables import AccountBudgetRow
from app.storage.tables import RefreshTokenRow, SessionRow
from config import Settings
from tests.authenticators import add_second_factor
from tests.databases import application
from tests.factories import OPERATOR, PASSWORD, Access, Refresh, configure, signed_in, with_token

HOUR = timedelta(hours=1)
CLIENT = "python-requests/2.34"

Life: TypeAlias = Iterator[timedelta]
"""What happens to one thing: yields how long ago the next part of it was, and does it when it is resumed."""


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
    recovery_codes: dict[str, list[str]] = field(default_factory=dict)
    """Of guarded users, by user name."""

    def ago(self, span: timedelta) -> None:
        self.clock.now = self.present - span

    def live(self, lives: Iterable[Life]) -> None:
        """Let these lives pass beside one another: what happened later stands later in every table."""
        waiting = [(-first, number, life) for number, life in enumerate(lives) if (first := next(life, None))]
        heapq.heapify(waiting)
        while waiting:
            past, number, life = heapq.heappop(waiting)
            self.ago(-past)
            if further := next(life, None):
                heapq.heappush(waiting, (-further, number, life))

    def user(self, username: str, role: Role = Role.VIEWER, password: str | None = None) -> User:
        profile = {"email": f"{username}@example.com", "first_name": username.capitalize()}
        return self.services.accounts.add(username, role, password, OPERATOR, **({} if "@" in username else profile))

    def guarded(self, username: str) -> User:
        """A user with a second factor; signing in uses up one of its `recovery_codes`."""
        user = self.user(username, password=PASSWORD)
        self.recovery_codes[username] = add_second_factor(self.services, user, self.clock()).recovery_codes
        return user

    def issue(self, user: User, name: str) -> Refresh:
        return self.services.issuing.issue(user.id, name, replace(signed_in(user), address="192.0.2.7"))

    def rotate(self, refresh: Refresh) -> Refresh:
        caller = Caller("", address="10.20.4.31", agent=CLIENT)
        return self.services.rotating.rotate(BySecret(refresh.secret), caller)

    def mint(self, refresh: Refresh, *, used: bool = True, address: str = "192.0.2.7") -> Access:
        """An access token; some minutes later it is used."""
        access = self.services.minting.mint(BySecret(refresh.secret), Caller("", address=address, agent=CLIENT))
        if used:
            self.clock.now += timedelta(minutes=3)
            self.use(access.secret)
        return access

    def use(self, secret: str) -> None:
        try:
            principal = self.services.verifier.verify(secret)
        except TokenRefused:
            return
        self.services.last_use.note(principal, "192.0.2.7", CLIENT)

    def revoke(self, refresh: Refresh, reason: str, administrator: User) -> None:
        self.services.revoking.revoke(refresh.token.public_id, reason, signed_in(administrator))

    def find(self, secret: str) -> None:
        """As if a script had put it into an address."""
        self.services.strays.look_in(secret, "the path of a request", lambda: Caller("", address="192.0.2.7"))
        self.services.last_use.flush()

    def generate(self, user: User, description: str, days: int | None, caller: Caller | None = None) -> Access:
        lifetime = None if days is None else timedelta(days=days)
        return self.services.single_tier.generate(user.id, lifetime, description, caller or signed_in(user))

    def generate_by_refresh_token(self, user: User, refresh: Refresh, access: Access) -> None:
        """An API token made with an access token of a refresh token, while that is allowed."""
        configure(self.services, api_can_create_refresh_tokens="on")
        self.generate(user, "made by the nightly job", 20, with_token(user, access, refresh))
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
