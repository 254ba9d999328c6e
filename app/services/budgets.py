"""Budgets: how often in an hour a refresh token may mint and be regenerated, and an account may mint and create.

Counting belongs to the transaction of the act, so what is refused, or a repeat under the same key, costs nothing.
The command line has no budget. Not here: the counters (``app.storage.budgets``) and when an hour is over
(``app.domain.budgets``).
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.budgets import is_over, seconds_until
from app.domain.credentials import CredentialKind
from app.domain.errors import RateLimited
from app.domain.identity import Caller
from app.domain.policy import Policy
from app.domain.text import count_of
from app.services.instance_settings import read_policy
from app.storage import budgets
from app.storage.refresh_tokens import StoredRefreshToken


def refuse_when_spent(session: Session, token: StoredRefreshToken, now: datetime, *, is_mint: bool) -> None:
    """Refuse with RateLimited, before anything is locked or written, a token whose budget is spent.

    Reads the settings only where the lowest limit that they can have is reached.
    """
    counted, lowest = _counted(token, is_mint)
    if counted >= lowest and not is_over(token.hour_ends_at, now):
        _refuse_beyond(counted + 1, token, read_policy(session), now, is_mint)


def refuse_overspent(held: StoredRefreshToken, policy: Policy, now: datetime, *, is_mint: bool) -> None:
    """Refuse with RateLimited where this act, which is counted already, is one too many: others came before it."""
    _refuse_beyond(_counted(held, is_mint)[0], held, policy, now, is_mint)


def spend_mint(session: Session, policy: Policy, owner_id: int, now: datetime) -> None:
    """Count a mint of the account; refuses with RateLimited."""
    limit = policy.mints_per_hour_per_user
    ends_at = budgets.spend(session, owner_id, budgets.MINTS, limit, now)
    if ends_at is not None:
        done = f"The refresh tokens of this account have minted {limit:,} access tokens within an hour"
        raise _spent(done, "mints_per_hour_per_user", ends_at, now, _keep(policy))


def spend_creation(session: Session, policy: Policy, owner_id: int, caller: Caller, now: datetime) -> None:
    """Count a token that this account creates, or a refresh token's new secret; refuses with RateLimited."""
    if caller.credential is not None and caller.credential.kind is CredentialKind.COMMAND_LINE:
        return
    limit = policy.creations_per_hour
    ends_at = budgets.spend(session, owner_id, budgets.CREATIONS, limit, now)
    if ends_at is not None:
        done = f"This account has created or regenerated {limit:,} tokens within an hour"
        raise _spent(done, "creations_per_hour", ends_at, now, "Use a refresh token again instead of creating one.")


def _counted(token: StoredRefreshToken, is_mint: bool) -> tuple[int, int]:
    """What the token did in its hour, and the lowest limit that can be set."""
    setting = Policy.mints_per_hour if is_mint else Policy.regenerations_per_hour
    return token.mints_in_hour if is_mint else token.regenerations_in_hour, setting.low or 0


def _refuse_beyond(counted: int, token: StoredRefreshToken, policy: Policy, now: datetime, is_mint: bool) -> None:
    limit = policy.mints_per_hour if is_mint else policy.regenerations_per_hour
    if counted <= limit:
        return
    ends_at = token.hour_ends_at or now
    if is_mint:
        done = f"This refresh token has minted {limit:,} access tokens within an hour"
        raise _spent(done, "mints_per_hour", ends_at, now, _keep(policy))
    done = f"This refresh token was regenerated or rotated {count_of(limit, 'time')} within an hour"
    raise _spent(done, "regenerations_per_hour", ends_at, now, "Its latest secret works.")


def _spent(done: str, setting: str, ends_at: datetime, now: datetime, instead: str) -> RateLimited:
    return RateLimited(seconds_until(ends_at, now), f"{done}, the limit ({setting}). {instead}")


def _keep(policy: Policy) -> str:
    hours = count_of(policy.access_token_lifespan // timedelta(hours=1), "hour")
    return f"Keep each access token for its {hours}, as daypass-client does."
