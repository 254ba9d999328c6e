"""``daypass token revoke-by-filter``: revoking all tokens that match, after a look at their number."""

import sys
from contextlib import suppress
from typing import Any

import click

from app.cli.launching import operator, services
from app.cli.output import as_json, show_result
from app.cli.tokens import criteria_options
from app.domain.errors import Unavailable
from app.domain.text import count_of
from app.domain.token_filter import TokenFilter
from app.services.bulk_revocations import BulkRevocation
from app.services.revoking import Revoked
from app.services.revoking_by_filter import Preview


@click.command("revoke-by-filter")
@criteria_options
@click.option("--reason", default="revoked by an administrator", show_default=True)
@click.option("--yes", is_flag=True, help="Revoke without asking.")
@as_json
def revoke_by_filter(reason: str, yes: bool, as_json: bool, **criteria: Any) -> None:
    """Revoke all tokens that match, with the access tokens of matching refresh tokens: all or none.

    It asks first, and revokes nothing if other tokens match than it asked about.
    """
    if criteria["owner"]:  # a misspelt name is a mistake, not an empty list
        services().accounts.get(criteria["owner"])
    chosen = TokenFilter(**criteria)
    preview = services().revoking_by_filter.preview(chosen)
    if not preview.refresh_tokens and not preview.access_tokens:
        show_result(_members(Revoked(0, 0)), "No tokens that can be revoked match.", as_json)
        return
    if not yes:
        click.confirm(f"Revoke {_in_words(preview)}? This can't be undone.", abort=True, err=True)
    revoked = services().revoking_by_filter.revoke(chosen, preview.confirmation, reason, operator())
    totals = Revoked(revoked.refresh_tokens, revoked.access_tokens)
    show_result(_members(totals), f"Revoked {totals}.", as_json)  # first: that is true whatever becomes of the rest
    _finish(revoked)


def _members(revoked: Revoked) -> dict[str, int]:
    return {"refresh_tokens": revoked.refresh_tokens, "access_tokens": revoked.access_tokens}


def _in_words(preview: Preview) -> str:
    """Such as "2 refresh tokens with 1 access token, and 3 other access tokens"."""
    if not preview.refresh_tokens:
        return count_of(preview.access_tokens, "access token")
    refresh = count_of(preview.refresh_tokens, "refresh token")
    words = f"{refresh} with {count_of(preview.access_tokens_with_them, 'access token')}"
    others = f", and {count_of(preview.access_tokens, 'other access token')}"
    return words + others if preview.access_tokens else words


def _finish(revoked: BulkRevocation) -> None:
    """Until lists show all of them as revoked; if the command is stopped, or the database away, a job goes on."""
    if revoked.finished_at is not None:
        return
    is_watched = sys.stderr.isatty()
    with (
        suppress(Unavailable),
        click.progressbar(length=revoked.unmarked, label="Revoked; updating lists", file=sys.stderr) as bar,
    ):
        while (marked := services().bulk_revocations.mark_part(revoked.id)) is not None:
            if is_watched:
                bar.update(marked)


COMMANDS = (revoke_by_filter,)
