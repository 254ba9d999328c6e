"""Whether a caller's credential ended, or the role was lowered, since the request began.

A request can wait for seconds: for its body, a turn to digest a password, a lock. Not here: what a credential is enough
for (``permitting``).
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import BadCredentials, SessionEnded, TokenRevoked, UserIdMismatch
from app.domain.identity import Caller
from app.domain.tokens import TokenKind
from app.storage import access_tokens, sessions, users
from app.storage.users import Standing


def as_of_now(session: Session, caller: Caller) -> Caller:
    """The caller with the present role; the same where nobody signed in, such as a command.

    Lock the row of the user before, where what is done must not be missed by what ends the credential: that locks it
    too. Refuses with BadCredentials (disabled; another password since), SessionEnded, TokenRevoked and UserIdMismatch
    (the token was moved to another owner).
    """
    if caller.user_id is None or caller.credential is None:
        return caller
    standing = users.standing(session, caller.user_id)
    if standing is None or not standing.is_active:
        raise BadCredentials
    _refuse_ended(session, caller.user_id, caller.credential, standing)
    return caller if caller.role is None else replace(caller, role=standing.role)


def _refuse_ended(session: Session, user_id: int, credential: Credential, standing: Standing) -> None:
    kind, digest = credential.kind, credential.digest
    if kind is CredentialKind.ACCESS_TOKEN:
        row = access_tokens.find(session, credential.id)
        if row is None or access_tokens.is_revoked(session, row):
            raise TokenRevoked(TokenKind.ACCESS, credential.id)
        if row.user_id != user_id:  # moved to another owner
            raise UserIdMismatch(TokenKind.ACCESS, credential.id)
    if kind is CredentialKind.SESSION and digest is not None and not sessions.has(session, int(credential.id), digest):
        raise SessionEnded
    if kind is CredentialKind.PASSWORD and digest not in (None, standing.password_hash):
        raise BadCredentials
