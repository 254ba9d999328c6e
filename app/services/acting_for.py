"""Acting for a service account: whether the caller may, as the database has it, behind the locks of both users.

Not here: the rules (``app.domain.service_accounts``), and the acts themselves (``issuing``, ``minting``, ``revoking``).
"""

from sqlalchemy.orm import Session

from app.domain.identity import Caller, User
from app.domain.service_accounts import answers_for, refuse_beyond, refuse_unless_answers_for
from app.storage import users


def is_for_another(caller: Caller, owner_id: int) -> bool:
    """Whether a user acts on what is another's; commands act as nobody."""
    return caller.user_id is not None and caller.user_id != owner_id


def lock_both(session: Session, caller: Caller, owner_id: int) -> None:
    """Lock the rows of the caller and the owner, in the order of all who lock several users."""
    users.lock_several(session, {owner_id} if caller.user_id is None else {owner_id, caller.user_id})


def refuse_unless_may_create(session: Session, caller: Caller, owner_id: int) -> None:
    """Refuse with NotFound who does not answer for the account, and as :func:`refuse_beyond`.

    `caller`: as of now (``ended_credentials``), so that who is disabled since is refused there.
    """
    account = refuse_unless_answers_for(caller, _read(session, owner_id))
    person = None if caller.user_id is None else _read(session, caller.user_id)
    if person is not None:
        refuse_beyond(person, account)


def _read(session: Session, user_id: int) -> User | None:
    row = users.get(session, user_id)
    return None if row is None else users.as_user(row)


def may_revoke_for(session: Session, caller: Caller, owner_id: int) -> bool:
    """Whether a user may revoke tokens of `owner_id` because that is a service account that they answer for."""
    if not is_for_another(caller, owner_id):
        return False
    account = _read(session, owner_id)
    return account is not None and answers_for(caller, account)
