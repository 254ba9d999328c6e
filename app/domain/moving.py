"""The rules about a token's new owner: a move changes whose rights a credential carries, not who knows its secret.

Not here: what proof a move needs (``ladder``), and the move itself (``app.services.moving``).
"""

from app.domain.errors import NotPermitted
from app.domain.identity import User
from app.domain.ladder import gains_rights
from app.domain.service_accounts import is_answering_for


def refuse_target(owner: User, target: User) -> None:
    """Refuse with NotPermitted an owner through whom those who know the secret gain permissions in Daypass itself."""
    if gains_rights(owner.role, target.role) and target.role.may_introspect:
        raise NotPermitted(
            f"A token of {owner.username} can't become {target.username}'s: anyone who knows its secret would get the "
            f"permissions of {target.role}. Create a token for {target.username} instead."
        )


def not_responsible_for(username: str) -> NotPermitted:
    """The refusal of a target that is not the caller's; the same where nobody has this name."""
    return NotPermitted(
        f"You are not responsible for {username}. You can move a token to a service account of yours; "
        "a server administrator can move it to any account."
    )


def refuse_target_of_owner(person_id: int | None, owner: User, target: User) -> None:
    """Refuse with NotPermitted a move by others than administrators.

    From an account of their own to one that they answer for, and only where nobody gains a right.
    """
    if person_id != owner.id and not is_answering_for(person_id, owner):
        raise NotPermitted(f"Only {owner.username} and server administrators may move tokens of {owner.username}.")
    if not is_answering_for(person_id, target):
        raise not_responsible_for(target.username)
    if gains_rights(owner.role, target.role):
        raise NotPermitted(
            f"{target.username} has the role {target.role}, which is not weaker than {owner.role}. A server "
            "administrator can move the token."
        )
