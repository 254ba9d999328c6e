"""Between password and code: a sealed text that this browser keeps for a few minutes, and that is worth nothing else.

    <user id> "." <second, from 1970> "." ["e-mail"] "." <seal>

The seal is of the browser's cookie and of the password's digest too: the text works in no other browser, and ends with
the password. Nothing is stored. Not here: the cookie (``app.web.cookies``).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.identity import User
from app.domain.seals import Seal
from app.services.password_proofs import Proof
from app.storage import users
from app.storage.database import Database

LASTS = timedelta(minutes=5)
"""The time to find the phone."""

TEXT = re.compile(r"(?P<user>[1-9][0-9]{0,17})\.(?P<second>[0-9]{1,12})\.(?P<by>(?:e-mail)?)\.(?P<seal>[0-9a-f]{64})")


@dataclass(frozen=True)
class SecondStep:
    """A user who has shown the right password, and no code yet. `digest`: of that password; `detail`: as in a Proof."""

    user: User
    digest: str = field(repr=False)
    detail: dict[str, str] = field(default_factory=dict)


class SecondSteps:
    """Seals and reads them. `browser`: the value of the browser's cookie. `key`: a secret of the instance."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._seal = Seal(key, "second step")

    def text_of(self, proof: Proof, browser: str, now: datetime) -> str:
        """The text for the browser to keep."""
        parts = (str(proof.user.id), str(int(now.timestamp())), proof.detail.get("signed_in_by", ""))
        return ".".join((*parts, self._seal.of(*parts, browser, proof.digest)))

    def find(self, text: str | None, browser: str | None, now: datetime) -> SecondStep | None:
        """None for any other text, and once it is over: by time, by another password, or where the user is disabled."""
        found = TEXT.fullmatch(text or "")
        if found is None or browser is None or not _is_recent(int(found["second"]), now):
            return None
        with self._database.reading() as session:
            row = users.get(session, int(found["user"]))
            if row is None or row.password_hash is None or not row.is_active:
                return None
            parts = found["user"], found["second"], found["by"]
            if not self._seal.fits(found["seal"], *parts, browser, row.password_hash):
                return None
            detail = {"signed_in_by": found["by"]} if found["by"] else {}
            return SecondStep(users.as_user(row), row.password_hash, detail)


def _is_recent(second: int, now: datetime) -> bool:
    """Not if it is said to be in the future."""
    passed = now.timestamp() - second
    return -CLOCK_TOLERANCE.total_seconds() <= passed < LASTS.total_seconds()
