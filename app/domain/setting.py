"""The declaration of an instance setting. Not here: the settings themselves (``app.domain.policy``)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from math import inf
from typing import Any, Generic, Self, TypeVar, overload

from app.domain.text import count_of

T = TypeVar("T")

ON_OFF = ("on", "off")
UNLIMITED = "-1"


class Group(Enum):
    """The heading under which a setting is shown, and a sentence about all of its settings."""

    LIFETIMES = ("Lifetimes", "How long new tokens work.")
    API_TOKENS = ("API tokens", "Tokens that work without a refresh token, such as those of Preferences.")
    PERMISSIONS = ("Permissions", "Who may create what, and with which credential.")
    SIGN_IN = ("Sign-in", "How people sign in, and for how long that counts.")
    LIMITS = ("Limits", "How much one user, or one refresh token, may do.")
    RETENTION = ("Retention", "How long Daypass keeps what has ended.")
    DOCUMENTS = ("API documents", "The pages and files that describe the APIs.")

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def note(self) -> str:
        return self.value[1]


class From(StrEnum):
    """When a change takes effect; follows "effective"."""

    NEW_TOKENS = "for new tokens"
    AT_ONCE = "at once"
    NEXT_MINT = "at the next request"
    NEXT_ROTATION = "at the next rotation"
    NEXT_PURGE = "at the next purge"


class Widens(StrEnum):
    """Which change of a setting allows more, so that it grants a right (``app.domain.ladder``).

    ANY: a lower value too, because it takes away what shows who did what.
    """

    RAISED = "raised"
    LOWERED = "lowered"
    ANY = "any"
    NEVER = "never"


class Counted(Enum):
    """What a preview can count (``app.storage.counting``): the noun, and what is counted, its plural's "s" as "*"."""

    ACTIVE_REFRESH_TOKENS = ("refresh token", "active refresh token*")
    ACTIVE_ACCESS_TOKENS = ("access token", "active access token*")
    SINGLE_TIER_TOKENS = ("api token", "active API token*, those of disabled and of denied users excepted")
    REFRESH_TOKENS_MINTING_OTHERWISE = ("refresh token", "active refresh token* answered otherwise from then on")
    ENDED_REFRESH_TOKENS = ("refresh token", "ended refresh token*")
    ENDED_ACCESS_TOKENS = ("access token", "ended access token*")
    UNDECIDED_USERS = ("user", "enabled user* without an individual decision, administrators excepted")
    USERS_WITH_PASSWORD = ("user", "enabled user* with a password")
    USERS_AT_THE_LIMIT = ("user", "user* with so many active refresh tokens")
    USERS_AT_THE_API_TOKEN_LIMIT = ("user", "user* with so many API tokens")
    ENABLED_USERS = ("user", "enabled user*")
    ADMINISTRATORS_WITHOUT_FACTOR = ("user", "enabled administrator* with a password and without a second factor")
    USERS_WITH_FACTOR = ("user", "enabled user* with a second factor")
    PEOPLE_AT_PROVIDERS = (
        "user", "enabled user* whose last single sign-on is older than one of the values allows, but not the other"
    )  # fmt: skip

    @property
    def noun(self) -> str:
        return self.value[0]

    def words(self, count: int) -> str:
        """Such as "1 active refresh token" and "no enabled users"."""
        number = f"{count:,}" if count else "no"
        return f"{number} {self.value[1].replace('*', '' if count == 1 else 's')}"


@dataclass(frozen=True)
class Affects:
    """What a change affects. `statement` follows the count; `lowered` replaces it where the value is lowered or off.

    `example`: of a lifetime, a sentence with the expiration of what is created at the time of the preview.
    """

    counted: Counted | None
    statement: str
    lowered: str = ""
    is_unaffected: bool = False
    example: str = ""

    def statement_of(self, *, is_lowered: bool) -> str:
        """The sentence for a change to a lower value, or to another."""
        return self.lowered if self.lowered and is_lowered else self.statement

    def example_of(self, after: Any, now: datetime) -> str:
        """The example for a lifetime; empty without one, and where it is unlimited."""
        if not self.example or after is None:
            return ""
        return self.example.format((now + after).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"))


@dataclass(frozen=True)
class Kind(Generic[T]):
    """The type of a value: the parser of its text, its unit, and its choices if any. `labels`: of choices, on pages."""

    read: Callable[[str], T]
    unit: str = ""
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    may_be_unlimited: bool = False

    def or_unlimited(self) -> "Kind[T | None]":
        return Kind(lambda text: None if text == UNLIMITED else self.read(text), self.unit, may_be_unlimited=True)


SWITCH = Kind(lambda text: text == "on", choices=ON_OFF, labels=ON_OFF)
SECONDS = Kind(lambda text: timedelta(seconds=int(text)), "seconds")
HOURS = Kind(lambda text: timedelta(hours=int(text)), "hours")
DAYS = Kind(lambda text: timedelta(days=int(text)), "days")
TOKENS = Kind(int, "tokens")
TIMES = Kind(int, "times")


@dataclass(eq=False)
class Setting(Generic[T]):
    """A descriptor: on the class, the declaration of a setting; on an instance, its value.

    Values are stored as text. The key is the attribute's name and `suffix`. `zero`: what 0 is
    called, where it is no quantity.
    """

    kind: Kind[T]
    default: str
    group: Group
    label: str
    help: str
    effective: From
    affects: tuple[Affects, ...]
    low: int | None = None
    high: int | None = None
    suffix: str = ""
    zero: str = ""
    alias: str | None = None
    widens: Widens = Widens.RAISED

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name + self.suffix
        self.unit, self.choices = self.kind.unit, self.kind.choices
        self.is_switch, self.may_be_unlimited = self.choices == ON_OFF, self.kind.may_be_unlimited

    @overload
    def __get__(self, policy: None, owner: type) -> Self: ...

    @overload
    def __get__(self, policy: object, owner: type) -> T: ...

    def __get__(self, policy: Any, owner: type) -> Self | T:
        return self if policy is None else policy.values[self.key]

    def parse(self, text: str) -> str:
        """The value in its canonical spelling; ValueError, with a sentence for people, where it is invalid."""
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"{self.key} must be {' or '.join(self.choices)}, not {text!r}")
            return text
        if self.may_be_unlimited and text == UNLIMITED:
            return text
        if self.low is None or self.high is None or not text.isascii() or not text.isdigit():
            raise ValueError(f"{self.key} must be a whole number of {self.unit}, not {text!r}")
        if len(text) > 9 or not self.low <= int(text) <= self.high:
            bounds = f"between {self.low} and {self.high} {self.unit}"
            or_none = f", or {UNLIMITED} for unlimited" if self.may_be_unlimited else ""
            raise ValueError(f"{self.key} must be {bounds}{or_none}, not {text}")
        return str(int(text))

    def is_wider(self, before: str, after: str) -> bool:
        """Whether a change between these values allows more: a higher number, unlimited, on, a later choice.

        With LOWERED, the other way round. Any other change of text without an order does: what a setting means is
        decided where it is declared.
        """
        if self.widens is Widens.NEVER or before == after:
            return False
        ranks = [self._rank(value) for value in (before, after)]
        if self.widens is Widens.LOWERED:
            ranks.reverse()
        return self.widens is Widens.ANY or None in ranks or ranks[0] < ranks[1]  # type: ignore[operator]

    def is_lowered(self, before: str, after: str) -> bool:
        """Whether a change between these values is to a lower number, a limit, off, or an earlier choice."""
        ranks = [self._rank(value) for value in (before, after)]
        return None not in ranks and ranks[1] < ranks[0]  # type: ignore[operator]

    def _rank(self, value: str) -> float | None:
        if self.choices:
            return (ON_OFF[::-1] if self.choices == ON_OFF else self.choices).index(value)
        if (self.may_be_unlimited and value == UNLIMITED) or (self.zero == "unlimited" and value == "0"):
            return inf
        return int(value) if value.isascii() and value.isdigit() else None

    @property
    def labelled_choices(self) -> list[tuple[str, str]]:
        """Each choice and its label on pages."""
        return list(zip(self.choices, self.kind.labels, strict=True))

    @property
    def span(self) -> str:
        """The values of a number as a sentence; empty for a choice."""
        if self.choices:
            return ""
        return f"From {self.low:,} to {count_of(self.high or 0, self.unit.removesuffix('s'))}."

    def show(self, value: str) -> str:
        """A value on pages: of a choice, its label."""
        return dict(self.labelled_choices).get(value) or self.spell(value)

    def spell(self, value: str) -> str:
        """A value for people, with its unit."""
        if self.may_be_unlimited and value == UNLIMITED:
            return "unlimited"
        if self.zero and value == "0":
            return self.zero
        return value if self.choices else count_of(int(value), self.unit.removesuffix("s"))
