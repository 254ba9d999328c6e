"""User names: which are accepted, and that no name is ever a second account's.

A name that was given up stays kept from others: as a keyed digest, so that a deleted user's is not readable.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.errors import BadRequest, Conflict
from app.domain.identity import canonical_username
from app.domain.seals import Seal
from app.domain.text import refuse_secret
from app.storage import former_usernames
from app.storage.tables import UserRow

USERNAME_RULE = "A user name has 1 to 150 of a-z, 0-9 and . _ @ + -"


def normal_username(text: str) -> str:
    """The canonical user name; refuses with BadRequest what is none, and the text of a token."""
    name = canonical_username(text)
    if name is None:
        raise BadRequest(USERNAME_RULE, {"username": [USERNAME_RULE]})
    refuse_secret("username", text, "A user name")
    return name


def taken(name: str) -> Conflict:
    """Of a name that another user has."""
    return Conflict(f"There is already a user called {name}.", is_taken=True)


class Usernames:
    """Keeps former user names from reuse. `key`: a secret of the instance."""

    def __init__(self, key: bytes) -> None:
        self._digest = Seal(key, "former user name").of

    def refuse_former(self, session: Session, name: str, user_id: int) -> None:
        """Refuse with Conflict a name that somebody else had.

        Call it after the name was written: who gives it up at the same time has then done so, or still has it.
        """
        owner_id = former_usernames.owner_of(session, self._digest(name))
        if owner_id not in (None, user_id):
            raise Conflict(f"{name} was another account's user name: nobody else can have it.", is_taken=True)

    def is_former(self, session: Session, name: str) -> bool:
        """Whether anybody had this name."""
        return former_usernames.owner_of(session, self._digest(name)) is not None

    def rename(self, session: Session, row: UserRow, name: str, now: datetime) -> None:
        """Give a user, whose row is locked, another name. Refuses with Conflict a former name of somebody else."""
        former, row.username = row.username, name
        session.flush()
        self.refuse_former(session, name, row.id)
        former_usernames.take_back(session, self._digest(name), row.id)
        former_usernames.add(session, self._digest(former), row.id, former, now)
        row.first_username = row.first_username or former

    def forget(self, session: Session, row: UserRow, now: datetime) -> None:
        """Keep all names of a user who is deleted from reuse, none of them readable."""
        former_usernames.add(session, self._digest(row.username), row.id, None, now)
        former_usernames.forget(session, row.id)
