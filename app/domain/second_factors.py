"""The second factor of a person with a password: codes that change with time (TOTP, RFC 6238), and recovery codes.

Not here: checking a code (``app.services.second_factors``), and adding one (``app.services.enrolling``).
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from app.domain.clock import CLOCK_TOLERANCE

STEP_SECONDS = 30
"""How long a code is shown; what authenticator apps assume (RFC 6238, section 5.2)."""

DRIFT = 1
"""So many steps before and after the present one are accepted: clocks differ, and people are slow to type."""

SECRET_BYTES = 20
"""As long as the output of HMAC-SHA-1 (RFC 4226, section 4)."""

RECOVERY_CODES = 10
FEW_RECOVERY_CODES = 3
"""So few are left that the pages ask for new ones."""

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""32, without those that are read as others (https://www.crockford.com/base32.html)."""

_RECOVERY_LENGTH, _GROUP = 12, 4
_READ_AS = str.maketrans({"o": "0", "i": "1", "l": "1"})

_TIMED = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(rf"[{_LETTERS}]{{{_RECOVERY_LENGTH}}}")


@dataclass(frozen=True)
class FactorStanding:
    """Of one person. `is_on`: the password alone signs them in nowhere. `is_required`: administrators must have one.

    `reset_at`, `reset_by`: when an administrator or a command removed it; None unless that is to be told.
    """

    is_on: bool = False
    is_required: bool = False
    reset_at: datetime | None = None
    reset_by: str | None = None


NO_FACTOR = FactorStanding()


def step_at(now: datetime) -> int:
    """The number of the time step, from 1970."""
    return int(now.timestamp()) // STEP_SECONDS


def accepted_steps(now: datetime) -> range:
    """The steps whose code is accepted, earliest first."""
    present = step_at(now)
    return range(present - DRIFT, present + DRIFT + 1)


def latest_step(now: datetime) -> int:
    """No clock that is right has accepted the code of a later step: one that was wrong did, and does not count."""
    return step_at(now + CLOCK_TOLERANCE) + DRIFT


def timed_code(typed: str) -> str | None:
    """The six digits of an app's code, which people type with spaces; None for other text."""
    code = "".join(typed.split())
    return code if _TIMED.fullmatch(code) else None


def recovery_code(typed: str) -> str | None:
    """A recovery code as it is digested: case, hyphens and spaces make no difference; None for other text."""
    code = re.sub(r"[\s-]", "", typed).lower().translate(_READ_AS)
    return code if _RECOVERY.fullmatch(code) else None


def new_recovery_codes() -> list[str]:
    """As they are shown, in groups of four: 60 random bits each."""
    return [in_groups("".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LENGTH)), "-")
            for _ in range(RECOVERY_CODES)]  # fmt: skip


def in_groups(text: str, between: str = " ") -> str:
    """The text in groups of four characters."""
    return between.join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
