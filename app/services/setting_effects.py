"""What a change of an instance setting would affect, counted before it is made.

Here belongs one line for each setting: whom it touches, at once or later. Not here: changing it
(``instance_settings``), and what it means (``app.domain.policy``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.policy import Reissue
from app.services.instance_settings import InstanceSettings, parse_setting, read_policy
from app.storage import counting
from app.storage.database import Database
from app.storage.liveness import TokenTable
from app.storage.tables import AccessTokenRow, RefreshTokenRow

UNDECIDED = "Users who are not administrators, and about whom nothing was decided individually,"


@dataclass(frozen=True)
class Effect:
    """`count` of `what` are affected, and how, as a sentence; None where there is nothing to count."""

    said: str
    what: str = "nothing"
    count: int | None = None


@dataclass(frozen=True)
class Change:
    """A setting's value before and after, in their one spelling."""

    key: str
    before: str
    after: str

    @property
    def is_one(self) -> bool:
        return self.before != self.after

    @property
    def turns_on(self) -> bool:
        return self.after == "on"


@dataclass(frozen=True)
class Forecast:
    change: Change
    effects: list[Effect]


Counting = Callable[[Session, datetime, Change], list[Effect]]


class SettingEffects:
    """Foretells changes."""

    def __init__(self, database: Database, clock: Clock, settings: InstanceSettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def preview(self, name: str, text: str) -> Forecast:
        """What setting it to this would do. Refuses as :meth:`InstanceSettings.change`."""
        setting, after = parse_setting(name, text)
        change = Change(setting.key, self._settings.get(setting.key).value, after)
        if not change.is_one:
            return Forecast(change, [])
        with self._database.reading() as session:
            return Forecast(change, EFFECTS[setting.key](session, self._clock(), change))


def _new_tokens_only(table: TokenTable, what: str) -> Counting:
    """A lifetime is decided when a token is made."""

    def count(session: Session, now: datetime, change: Change) -> list[Effect]:
        said = f"Only {what} made from now on; those that are alive keep the end they were given."
        return [Effect(said, f"{what} unaffected", counting.alive(session, table, now))]

    return count


def _next_mint(session: Session, now: datetime, change: Change) -> list[Effect]:
    said = "At the next mint from each of these; access tokens that were replaced already keep their end."
    return [Effect(said, "refresh tokens", counting.alive(session, RefreshTokenRow, now))]


def _overlap_seconds(session: Session, now: datetime, change: Change) -> list[Effect]:
    if read_policy(session).access_token_reissue is Reissue.OVERLAP:
        return _next_mint(session, now, change)
    return [Effect(f"Nobody, while access_token_reissue is {Reissue.REPLACE.value}: a replaced token ends at once.")]


def _refresh_tokens_for_users(session: Session, now: datetime, change: Change) -> list[Effect]:
    may = (
        "may create refresh tokens" if change.turns_on else "can no longer create refresh tokens; theirs go on working"
    )
    return [Effect(f"Users who are not administrators and not decided individually {may}.", "users",
                   counting.undecided_users(session))]  # fmt: skip


def _password_api_enabled(session: Session, now: datetime, change: Change) -> list[Effect]:
    may = "can" if change.turns_on else "can no longer"
    said = f"Users with a password {may} create refresh tokens with it; no token is touched."
    return [Effect(said, "users", counting.users_with_password(session))]


def _api_can_create(session: Session, now: datetime, change: Change) -> list[Effect]:
    may = "is enough" if change.turns_on else "is no longer enough"
    said = f"Each of these {may} to make, mint from and regenerate its owner's refresh tokens; no token is touched."
    return [Effect(said, "access tokens", counting.alive(session, AccessTokenRow, now))]


def _api_tokens_enabled(session: Session, now: datetime, change: Change) -> list[Effect]:
    said = "start to work again" if change.turns_on else "stop working, until this is on again"
    said = f"API tokens without a refresh token that {said}, all at once."
    return [Effect(said, "api tokens", counting.working_single_tier(session, now))]


def _api_tokens_for_users(session: Session, now: datetime, change: Change) -> list[Effect]:
    may = "may make" if change.turns_on else "may no longer make"
    said = f"{UNDECIDED} {may} API tokens; no token is touched."
    return [Effect(said, "users", counting.undecided_users(session))]


def _longest_lifetime(session: Session, now: datetime, change: Change) -> list[Effect]:
    said = "Only API tokens made from now on; those that work keep the end they were given."
    return [Effect(said, "api tokens unaffected", counting.working_single_tier(session, now))]


def _retention(session: Session, now: datetime, change: Change) -> list[Effect]:
    """A refresh token also waits for its access tokens to go, so the next purge may take fewer."""
    before, after = (now - timedelta(days=int(value)) for value in (change.before, change.after))
    tables: tuple[tuple[TokenTable, str], ...] = (
        (RefreshTokenRow, "refresh tokens"), (AccessTokenRow, "access tokens")
    )  # fmt: skip
    if after < before:
        said = "Ended tokens that the next purge now keeps; what is deleted already does not come back."
        return [Effect(said, what, counting.ended(session, table, before) - counting.ended(session, table, after))
                for table, what in tables]  # fmt: skip
    said = "Ended tokens that the next purge deletes; a refresh token stays while one of its access tokens does."
    return [Effect(said, what, counting.ended(session, table, after)) for table, what in tables]


def _most_refresh_tokens(session: Session, now: datetime, change: Change) -> list[Effect]:
    said = "Users who have that many alive and can't create more; what they have goes on working."
    return [Effect(said, "users", counting.users_with_refresh_tokens(session, now, int(change.after)))]


def _nobody(said: str) -> Counting:
    return lambda session, now, change: [Effect(said)]


EFFECTS: dict[str, Counting] = {
    "refresh_token_lifespan": _new_tokens_only(RefreshTokenRow, "refresh tokens"),
    "access_token_lifespan": _new_tokens_only(AccessTokenRow, "access tokens"),
    "access_token_reissue": _next_mint,
    "access_token_overlap_seconds": _overlap_seconds,
    "refresh_tokens_for_users": _refresh_tokens_for_users,
    "password_api_enabled": _password_api_enabled,
    "api_can_create_refresh_tokens": _api_can_create,
    "api_tokens_enabled": _api_tokens_enabled,
    "api_tokens_for_users": _api_tokens_for_users,
    "api_token_default_lifetime_days": _nobody("Only what the web form proposes; no token and no user is touched."),
    "api_token_max_lifetime_days": _longest_lifetime,
    "openapi_enabled": _nobody("Only the documents and the pages about them; no token and no user is touched."),
    "retention_days": _retention,
    "max_refresh_tokens_per_user": _most_refresh_tokens,
}
"""Every setting (complete by test)."""
