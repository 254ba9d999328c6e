"""What a mint gives: the access token that is there already, or a new one in place of it.

Both happen under the refresh token's lock, which the caller (``minting``) holds. Here belongs the reissue policy.
Not here: who may mint. What giving a token again promises and what it does not is in docs/reuse.md.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.policy import Policy, Reissue
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import AccessToken, Issued
from app.storage import access_tokens
from app.storage.access_tokens import as_access_token
from app.storage.tables import AccessTokenRow, RefreshTokenRow


class Reissuing:
    """Makes access tokens under refresh tokens. `refresh`: its text, where the secret was presented."""

    def __init__(self, ring: KeyRing, format: TokenFormat) -> None:
        self._ring = ring
        self._format = format

    def again(
        self, session: Session, parent: RefreshTokenRow, refresh: TokenText, policy: Policy, now: datetime
    ) -> Issued[AccessToken] | None:
        """The access token that is active, if the policy is to reuse it and at least half of its life is left.

        None too for one that is not derived, as the web page makes them, and where its key has left the ring.
        """
        if policy.reissue_of(parent.access_token_reissue) is not Reissue.REUSE:
            return None
        row = access_tokens.find_active_under(session, parent.id, now)
        if row is None or not row.is_derived or not _has_half_left(row, now):
            return None
        secret = self._derived(row.key_id, row.public_id, refresh, row.generation)
        text = None if secret is None else TokenText.of_access(row.public_id, secret)
        if text is None or not self._ring.verifies(text, row.key_id, row.mac):
            return None
        return Issued(as_access_token(row, now), self._format.compose(text), parent.expires_at)

    def new(
        self,
        session: Session,
        parent: RefreshTokenRow,
        refresh: TokenText | None,
        generation: int,
        text: TokenText,
        policy: Policy,
        now: datetime,
        minted_from: str | None,
    ) -> Issued[AccessToken]:
        """A new one called `text`, for a client at that address; what becomes of the one before it, the policy says.

        Under `reuse` its secret is a derived one, so that it can be given again, unless nobody presented a secret.
        """
        reissue = policy.reissue_of(parent.access_token_reissue)
        if reissue is Reissue.REUSE and refresh is not None:
            secret = self._derived(self._ring.current, text.public_id, refresh, generation)
            assert secret is not None
            text = text.with_secret(secret)
        previous = access_tokens.find_active_under(session, parent.id, now)
        replaced = None if previous is None else as_access_token(previous, now)
        access_tokens.supersede(session, parent.id, now, policy.overlap_under(reissue))
        row = access_tokens.insert(
            session, text, self._ring.sign(text), parent.user_id, now,
            policy.access_token_expiry(now, parent.expires_at), refresh_token_id=parent.id, generation=generation,
            is_derived=reissue is Reissue.REUSE and refresh is not None, minted_from=minted_from,
        )  # fmt: skip
        return Issued(as_access_token(row, now), self._format.compose(text), parent.expires_at, replaced)

    def _derived(self, key_id: str, public_id: str, refresh: TokenText, generation: int) -> str | None:
        return self._ring.derive(key_id, refresh.public_id, public_id, refresh.secret, str(generation))


def _has_half_left(row: AccessTokenRow, now: datetime) -> bool:
    assert row.expires_at is not None  # only single-tier tokens never end
    return row.expires_at - now >= (row.expires_at - row.created_at) / 2
