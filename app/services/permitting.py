"""Applying the ladder of credentials in a transaction. Not here: the table (``app.domain.ladder``)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain import ladder
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import BadCredentials, NotPermitted, TokenExpired, TokenRevoked
from app.domain.identity import Caller
from app.domain.ladder import Act, Effect
from app.domain.tokens import TokenKind, TokenStatus, status_at
from app.services.acting_for import is_for_another, lock_both, refuse_unless_may_create
from app.services.ended_credentials import as_of_now
from app.services.held_tokens import BySecret, Claim
from app.services.instance_settings import read_policy
from app.storage import access_tokens, users
from app.storage.made_with import LONGEST_LINE, NO_TOKEN, Maker, is_at_the_end

AT_THE_END = (
    f"A line of {LONGEST_LINE:,} tokens, each created with the one before, ends with this one: it can't create more. "
    "Create the next token on the page or with a password."
)
BY_ITS_SECRET = Credential(CredentialKind.REFRESH_TOKEN)


def refuse_unless_allowed(session: Session, act: Act, caller: Caller) -> None:
    """Refuse with NotPermitted a caller whose credential is not enough, and as :func:`as_of_now`.

    What ends something needs no credential that is left: it makes nothing that outlives it.
    """
    if act.rule.effect is not Effect.ENDS:
        caller = as_of_now(session, caller)
    ladder.refuse_unless_allowed(act, caller, lambda key: bool(read_policy(session).values[key]))


def refuse_unless_may_create_for(session: Session, act: Act, caller: Caller, owner_id: int) -> None:
    """The same for an act that creates a credential of `owner_id`: another's only of a service account, and as
    :func:`refuse_unless_may_create`. Lock both users before."""
    if not is_for_another(caller, owner_id):
        refuse_unless_allowed(session, act, caller)
        return
    refuse_unless_allowed(session, Act.CREATE_FOR_SERVICE_ACCOUNT, caller)
    refuse_unless_may_create(session, as_of_now(session, caller), owner_id)


def permit(session: Session, act: Act, caller: Caller, claim: Claim, now: datetime) -> Maker:
    """The same for an act on a refresh token, and :func:`hold_maker`. Its secret needs no other credential."""
    if isinstance(claim, BySecret):
        refuse_unless_allowed(session, act, replace(caller, credential=BY_ITS_SECRET))
        return NO_TOKEN
    lock_both(session, caller, claim.owner_id)  # before the refresh token, as everywhere
    refuse_unless_may_create_for(session, act, caller, claim.owner_id)
    return hold_maker(session, caller, claim.owner_id, now)


def hold_maker(session: Session, caller: Caller, user_id: int, now: datetime) -> Maker:
    """The access token that the caller authenticated with, if any, while the row of its owner is locked: of `user_id`,
    or of a caller who acts for that service account.

    A revocation of what it made locks that row too, so that nothing escapes. Refuses with a TokenRefused (it ended
    since it was verified), with BadCredentials (the owner is disabled), and with NotPermitted (AT_THE_END).
    """
    credential = caller.credential
    if credential is None or credential.kind is not CredentialKind.ACCESS_TOKEN:
        return NO_TOKEN
    if users.get_and_lock(session, user_id if caller.user_id is None else caller.user_id) is None:
        raise BadCredentials
    row = access_tokens.find(session, credential.id)
    status = status_at(TokenStatus(row.status), row.expires_at, now) if row else TokenStatus.REVOKED
    if row is None or status is not TokenStatus.ACTIVE:
        raise (TokenExpired if status is TokenStatus.EXPIRED else TokenRevoked)(TokenKind.ACCESS, credential.id)
    if is_at_the_end(session, credential.id):
        raise NotPermitted(AT_THE_END)
    if not credential.is_single_tier:
        # One that a token minted may belong to a refresh token that lives longer than what minted it.
        until = credential.until if row.created_with is None else row.expires_at
        return Maker(credential.id, until, renewable_until=until)
    lifetime = None if row.expires_at is None else row.expires_at - row.created_at
    return Maker(credential.id, credential.until, lifetime, row.renewable_until)
