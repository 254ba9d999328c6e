"""Moving tokens to another owner, without a new secret: from the next check on they carry the new owner's rights.

A move locks both owners before the token, so that it is wholly before or wholly after whatever ends or creates tokens
of either. Not here: whose account may be the target (``app.domain.moving``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain import moving as rules
from app.domain.clock import Clock
from app.domain.errors import Conflict, LimitReached, NotFound, NotPermitted
from app.domain.identity import ApiTokens, Caller, User, canonical_username
from app.domain.ladder import Act, gains_rights
from app.domain.policy import Policy
from app.domain.tokens import FINAL, TokenKind, TokenStatus, status_at
from app.services.instance_settings import read_policy
from app.services.listing import ListedToken, listed_token, refuse_unless_handle
from app.services.named_users import existing_user
from app.services.permitting import refuse_unless_allowed
from app.services.revoking import normal_reason
from app.storage import both_tiers, moving, refresh_tokens, single_tier, users
from app.storage.audit import record
from app.storage.both_tiers import StoredToken
from app.storage.database import Database
from app.storage.tables import UserRow

MOST_AT_ONCE = 100
MOVED_MEANWHILE = "The token was moved to another owner meanwhile."


@dataclass(frozen=True)
class Proposal:
    """A move before it is made. `gains_rights`: who knows the secret gains a right by it."""

    owner: User
    target: User
    gains_rights: bool


class Moving:
    """Moves refresh tokens and API tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def propose(self, public_id: str, to: str, caller: Caller, only_of: int | None = None) -> Proposal:
        """What :meth:`move` would do. Changes nothing, and refuses the same, but for the caller's credential."""
        return self.propose_each([public_id], to, caller, only_of)[0]

    def propose_each(
        self, public_ids: Sequence[str], to: str, caller: Caller, only_of: int | None = None
    ) -> list[Proposal]:
        """The same of :meth:`move_each`, but for what only all of them together exceed."""
        _refuse_bad_handles(public_ids)
        with self._database.reading() as session:
            policy, now, proposals = read_policy(session), self._clock(), []
            target = users.as_user(_target(session, to, only_of))
            for public_id in public_ids:
                token = _existing(session, public_id, only_of)
                owner = users.as_user(existing_user(session, token.user_id))
                _refuse_owners(caller, owner, target, only_of, now)
                _refuse_token(session, token, target, policy, now)
                proposals.append(Proposal(owner, target, gains_rights(owner.role, target.role)))
            return proposals

    def move(
        self, public_id: str, to: str, caller: Caller, reason: str = "", *, only_of: int | None = None
    ) -> ListedToken:
        """Give a token to the user called `to`: a refresh token, with all its access tokens, or an API token.

        `only_of`: the id of the required owner, for callers who are no administrators: the owner, or who is responsible
        for that account. A move to the present owner changes nothing. Refuses with NotFound (the token; the user, but
        with `only_of` as another's account), NotPermitted (``app.domain.moving``; API tokens are denied to the new
        owner), Conflict (an access token of a
        refresh token, a token that has ended, a disabled user), LimitReached and BadRequest (the reason).
        """
        return self.move_each([public_id], to, caller, reason, only_of=only_of)[0]

    def move_each(
        self, public_ids: Sequence[str], to: str, caller: Caller, reason: str = "", *, only_of: int | None = None
    ) -> list[ListedToken]:
        """The same for some tokens, at most MOST_AT_ONCE: all of them or none."""
        reason = normal_reason(reason)
        _refuse_bad_handles(public_ids)
        with self._database.transaction() as session:
            found = [_existing(session, each, only_of) for each in dict.fromkeys(public_ids)]
            target_id = _target(session, to, only_of).id
            callers = () if caller.user_id is None else (caller.user_id,)
            locked = users.lock_several(session, [target_id, *callers, *(each.user_id for each in found)])
            owners = {user_id: users.as_user(row) for user_id, row in locked.items()}
            act = Act.MOVE_OF_OTHERS if only_of is None else Act.MOVE_OWN
            refuse_unless_allowed(session, act, caller)
            now = self._clock()
            for token in both_tiers.lock(session, found):
                _move(session, token, owners, target_id, caller, reason, only_of, now)
            return [listed_token(session, TokenKind(each.kind), each.id, now) for each in found]


def _refuse_bad_handles(public_ids: Sequence[str]) -> None:
    for public_id in public_ids:
        refuse_unless_handle(public_id)
    if len(public_ids) > MOST_AT_ONCE:
        raise Conflict(f"At most {MOST_AT_ONCE} tokens can be moved at once.")


def _move(
    session: Session,
    token: StoredToken,
    owners: Mapping[int, User],
    target_id: int,
    caller: Caller,
    reason: str,
    only_of: int | None,
    now: datetime,
) -> None:
    """Move a locked token. `owners`: those whose rows are locked, by id."""
    if token.user_id == target_id:
        return
    owner, target = owners.get(token.user_id), owners[target_id]
    if owner is None:
        raise Conflict(MOVED_MEANWHILE)
    if only_of not in (None, owner.id):
        raise NotFound("token")
    _refuse_owners(caller, owner, target, only_of, now)
    _refuse_token(session, token, target, read_policy(session), now)
    with_it = moving.give(session, token, target.id)
    detail: dict[str, str | int] = {"before": owner.username, "before_id": owner.id}
    detail |= {"after": target.username, "after_id": target.id}
    detail |= {"access_tokens": with_it} if token.kind == TokenKind.REFRESH else {}
    detail |= {"reason": reason} if reason else {}
    kind = f"{token.kind}_token"
    record(session, now, caller, f"{kind}.moved", (kind, token.public_id), **detail)


def _existing(session: Session, public_id: str, only_of: int | None) -> StoredToken:
    token = both_tiers.find(session, public_id)
    if token is None or only_of not in (None, token.user_id):
        raise NotFound("token")
    return token


def _target(session: Session, to: str, only_of: int | None) -> UserRow:
    """The user called `to`; who is no administrator does not learn whether there is one."""
    try:
        return existing_user(session, to)
    except NotFound:
        name = canonical_username(to)
        if only_of is None or name is None:
            raise
        raise rules.not_responsible_for(name) from None


def _refuse_owners(caller: Caller, owner: User, target: User, only_of: int | None, now: datetime) -> None:
    if only_of is not None:
        rules.refuse_target_of_owner(caller.user_id, owner, target)
    if not target.is_active:
        raise Conflict(f"{target.username} is disabled. Enable the account first, or choose another.")
    if target.is_away(now):
        raise Conflict(f"{target.username} must sign in first: their last sign-in is too long ago. Choose another.")
    rules.refuse_target(owner, target)


def _refuse_token(session: Session, token: StoredToken, target: User, policy: Policy, now: datetime) -> None:
    if token.parent is not None:
        raise Conflict("This access token belongs to a refresh token: move that, and its access tokens move with it.")
    status = status_at(TokenStatus(token.status), token.expires_at, now)
    if token.status in FINAL or (token.kind == TokenKind.ACCESS and status is TokenStatus.EXPIRED):
        raise Conflict("This token has ended. Only a token that works, or can be regenerated, can be moved.")
    if token.kind == TokenKind.ACCESS and target.api_tokens is ApiTokens.DENY:
        raise NotPermitted(f"{target.username} may not have API tokens: the token would stop working.")
    _refuse_at_the_limit(session, token.kind, status, target.id, policy, now)


def _refuse_at_the_limit(
    session: Session, kind: str, status: TokenStatus, user_id: int, policy: Policy, now: datetime
) -> None:
    what, limit, number = "active refresh tokens", policy.max_refresh_tokens_per_user, 0
    if kind == TokenKind.ACCESS:
        what, limit = "API tokens", policy.max_api_tokens_per_user
        number = single_tier.count_of_user(session, user_id, now)
    elif status is TokenStatus.ACTIVE:  # one that has expired is counted from when it is regenerated
        number = refresh_tokens.count_active(session, user_id, now)
    if number >= limit:
        raise LimitReached(what, limit)
