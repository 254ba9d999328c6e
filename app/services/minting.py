"""Minting access tokens from refresh tokens, and reusing an active one (docs/derived-secrets.md).

The refresh token is held first, so that its mints run one after the other. Not here: who may mint (``held_tokens``).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE, Clock
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.reissue import Reissue
from app.domain.secrets import KeyRing, Purpose, TokenFormat, TokenText, new_token_text
from app.domain.tokens import (
    SEEMS_SHARED,
    SHARING_WINDOW,
    AccessToken,
    Issued,
    TokenKind,
    capped,
    is_sharing,
    secret_made_at,
    seems_shared_at,
)
from app.services import budgets
from app.services.held_tokens import Claim, HeldToken, HeldTokens
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.permitting import permit
from app.services.throttling import counted_network
from app.storage import access_tokens, refresh_tokens, secret_uses, superseding
from app.storage.access_tokens import as_access_token
from app.storage.audit import record
from app.storage.database import Database
from app.storage.made_with import Maker, created_with
from app.storage.refresh_tokens import old_secret_until

MINTS_EXAMINED = 50
"""How many of the latest mints are examined for programs that share a refresh token."""


class Minting:
    """Mints access tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ring: KeyRing,
        format: TokenFormat,
        held_tokens: HeldTokens,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._held_tokens = held_tokens
        self._idempotency = idempotency

    def mint(self, claim: Claim, caller: Caller, key: IdempotencyKey | None = None) -> Issued[AccessToken]:
        """Mint an access token from a refresh token; the reissue policy decides about the previous one.

        Made with an access token, it expires with that at the latest. Refuses as :meth:`HeldTokens.hold`, with
        NotPermitted, and with Conflict another request under the same `key`. Raises Repeated.
        """
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction(claim.queue) as session:
            now = self._clock()
            maker = permit(session, Act.MINT, caller, claim, now)
            held = self._held_tokens.hold(session, claim, now, is_use=True, caller=caller)
            self._idempotency.refuse_repeat(session, key, held.owner.id, ("access_token", text.public_id), now)
            budgets.spend_mint(session, held.policy, held.owner.id, now)
            _note_secret(session, held, caller, now)
            reissue = held.policy.reissue_of(held.stored.access_token_reissue)
            active = _active(session, held, reissue, now)
            if reissue is Reissue.REUSE and active is not None and key is None:  # under a key, a new one is created
                reused = self._reuse(held, active, now)
                if reused is not None:
                    return reused
            replaced = None if active is None else as_access_token(active, now)
            return self._mint(session, held, reissue, text, replaced, now, caller, maker)

    def _reuse(self, held: HeldToken, row: Row[Any], now: datetime) -> Issued[AccessToken] | None:
        """The active access token, while at least half of its lifetime is left.

        None for one that is not derived (minted on a page), or whose key was removed.
        """
        if held.text is None or not row.is_derived:
            return None
        if row.expires_at - now < (row.expires_at - row.created_at) / 2:
            return None
        secret = self._derived(row.key_id, row.public_id, held, row.generation)
        text = None if secret is None else TokenText.of_access(row.public_id, secret)
        if text is None or not self._ring.verifies(text, row.key_id, row.mac):
            return None
        return replace(self._issued(held, as_access_token(row, now), text), reused_at=now)

    def _mint(
        self,
        session: Session,
        held: HeldToken,
        reissue: Reissue,
        text: TokenText,
        replaced: AccessToken | None,
        now: datetime,
        caller: Caller,
        maker: Maker,
    ) -> Issued[AccessToken]:
        parent, policy = held.stored, held.policy
        is_derived = reissue is Reissue.REUSE and held.text is not None  # so that it can be reused
        if is_derived:
            secret = self._derived(self._ring.current, text.public_id, held, parent.generation)
            assert secret is not None
            text = text.with_secret(secret)
        spared = held.other_secret_number if reissue is Reissue.REUSE else None
        superseding.supersede(session, parent.id, now, policy.overlap_under(reissue), spared)
        token = access_tokens.add(
            session,
            text,
            self._ring.sign(text),
            parent.user_id,
            now,
            capped(policy.access_token_expiry(now, parent.expires_at), maker.until),
            refresh_token_id=parent.id,
            generation=parent.generation,
            is_derived=is_derived,
            minted_from=caller.address,
            created_with=maker.public_id,
            secret_number=held.secret_number,
        )
        caller = caller.acting_for(held.owner, parent.public_id)
        subject, detail = ("access_token", token.public_id), {"refresh_token": parent.public_id} | created_with(maker)
        record(session, now, caller, "access_token.minted", subject, **detail)
        issued = replace(self._issued(held, token, text), replaced=replaced)
        if reissue is not Reissue.REPLACE:
            return issued
        return replace(issued, seems_shared=_notice_sharing(session, held, replaced, now, caller))

    def _derived(self, key_id: str, public_id: str, held: HeldToken, generation: int) -> str | None:
        assert held.text is not None
        parts = (held.text.public_id, public_id, held.text.secret, str(generation))
        return self._ring.derive(key_id, Purpose.REUSE, *parts)

    def _issued(self, held: HeldToken, token: AccessToken, text: TokenText) -> Issued[AccessToken]:
        stored = held.stored
        since = secret_made_at(stored.created_at, stored.regenerated_at, stored.rotated_at)
        return Issued(
            token,
            self._format.compose(text),
            held.works_until,
            old_secret_until=stored.previous_until if held.is_old else None,
            refresh_token_since=since if held.policy.refresh_token_overlap else None,
        )


def _note_secret(session: Session, held: HeldToken, caller: Caller, now: datetime) -> None:
    """Note who uses which secret, while there are two."""
    if held.text is not None and old_secret_until(held.stored, now) is not None:
        secret_uses.note(session, held.stored.id, held.secret_number, caller.address, caller.agent, now)


def _active(session: Session, held: HeldToken, reissue: Reissue, now: datetime) -> Row[Any] | None:
    """The access token that this mint replaces or, under `reuse`, returns: then each of two secrets has its own."""
    if reissue is Reissue.REUSE:
        return superseding.find_latest_with(session, held.stored.id, held.secret_number, now)
    return superseding.find_active_under(session, held.stored.id, now)


def _notice_sharing(
    session: Session, held: HeldToken, replaced: AccessToken | None, now: datetime, caller: Caller
) -> bool:
    """Whether programs seem to replace each other's access tokens; stores and audits it when new. Refuses nothing."""
    parent = held.stored
    was_noticed = seems_shared_at(parent.sharing_seen_at, now)
    since, until = now - SHARING_WINDOW, now + CLOCK_TOLERANCE
    # Mints with a secret that has been replaced since do not count.
    if parent.regenerated_at is not None and parent.regenerated_at < until:
        since = max(since, parent.regenerated_at)
    if replaced is not None and replaced.created_at <= since:  # then this is the only mint within
        return was_noticed
    minted_from = access_tokens.minted_from(session, parent.id, since, until, MINTS_EXAMINED)
    networks = {address: counted_network(address) if address else None for address in set(minted_from)}
    if not is_sharing([networks[address] for address in minted_from]):
        return was_noticed
    if not was_noticed:
        addresses = ", ".join(sorted({address for address in minted_from if address}))
        subject = ("refresh_token", parent.public_id)
        detail: dict[str, str | int] = {"mints": len(minted_from), "addresses": addresses, "note": SEEMS_SHARED}
        record(session, now, caller, "refresh_token.found_shared", subject, **detail)
    if not was_noticed or parent.sharing_seen_at is None or now - parent.sharing_seen_at >= SHARING_WINDOW:
        refresh_tokens.note_sharing(session, parent.id, now)
    return True
