"""Service accounts: who answers for one, and what they may do for it. Not here: the queries and the locks."""

from app.domain.errors import Conflict, NotFound, NotPermitted
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.ladder import Proof, gains_rights, proof_of

NO_PASSWORD = "{} is a service account: it has no password and no sign-in. Create tokens for it instead."
REVOKED_FOR_ACCOUNT = "revoked by who answers for the account"
"""The reason of a revocation where none is given."""
NOT_ACTIVE = "{} is disabled: an administrator can enable it."


def is_answering_for(person_id: int | None, account: User) -> bool:
    """Whether this person is the responsible one of an account, or the deputy; nobody is of that of a person."""
    return person_id is not None and person_id in (account.responsible_id, account.deputy_id)


def answers_for(caller: Caller, account: User) -> bool:
    """Whether the caller may act for this service account: its responsible person, its deputy, and administrators."""
    if not account.is_service:
        return False
    if caller.role is Role.SERVER_ADMIN or proof_of(caller.credential) is Proof.COMMAND_LINE:
        return True
    return is_answering_for(caller.user_id, account)


def refuse_unless_answers_for(caller: Caller, account: User | None) -> User:
    """The account; refuses with NotFound who does not answer for it, as for one that does not exist."""
    if account is None or not answers_for(caller, account):
        raise NotFound("user")
    return account


def refuse_beyond(person: User, account: User) -> None:
    """Refuse with NotPermitted a person who would get, through the account's token, what they do not have themselves.

    A role that is not weaker than the person's, and not the same; tokens, where they are denied to the person. With
    Conflict: the account is disabled.
    """
    if gains_rights(person.role, account.role):
        raise NotPermitted(
            f"{account.username} has the role {account.role}, and you have {person.role}: its token would let you do "
            "more than you may. Ask an administrator to create it."
        )
    if person.api_tokens is ApiTokens.DENY:
        raise NotPermitted("Creating tokens is denied to you, so you can't create any for a service account either.")
    if not account.is_active:
        raise Conflict(NOT_ACTIVE.format(account.username))
