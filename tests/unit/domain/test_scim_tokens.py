"""The text of SCIM tokens: of a kind of its own, with exactly one spelling."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import RateLimited
from app.domain.handles import public_id_in
from app.domain.masking import HIDDEN, mask
from app.domain.scim_tokens import MOST_WRITES, ScimTokenFormat, new_scim_text, refuse_overspent
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import TokenKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_text_parses_to_itself_and_is_no_other_tokens_text() -> None:
    made, formats = new_scim_text(), ScimTokenFormat(("dp", "old"))
    text = formats.compose(made)

    assert text.startswith(f"dps_{made.public_id}_")
    assert formats.parse(text) == made
    assert TokenFormat(("dp", "old")).parse(text) is None
    for kind in TokenKind:
        other = TokenFormat(("dp",)).compose(TokenText(kind, made.public_id, made.secret))
        assert formats.parse(other) is None


def test_no_other_spelling_is_accepted() -> None:
    formats = ScimTokenFormat(("dp",))
    text = formats.compose(new_scim_text())

    for other in (
        f"{text} ",
        f" {text}",
        text.upper(),
        text[:-1],
        f"{text}0",
        text.replace("dps_", "dpa_"),
        f"x{text}",
    ):
        assert formats.parse(other) is None
    swapped = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert formats.parse(swapped) is None


def test_the_digest_covers_the_kind() -> None:
    """A row of another table, with the same public id and secret, verifies nothing."""
    ring, made = KeyRing({"k1": bytes(32)}), new_scim_text()
    mac = ring.sign(made)

    assert ring.verifies(made, mac.key_id, mac.digest)
    for kind in TokenKind:
        assert not ring.verifies(TokenText(kind, made.public_id, made.secret), mac.key_id, mac.digest)


def test_the_text_is_masked_but_for_the_public_id() -> None:
    made = new_scim_text()
    text = ScimTokenFormat(("dp",)).compose(made)
    assert mask(f"GET /?token={text}") == f"GET /?token=dps_{made.public_id}_{HIDDEN}"


def test_the_audit_log_is_searched_by_what_a_masked_one_shows() -> None:
    made = new_scim_text()
    shown = mask(ScimTokenFormat(("dp",)).compose(made))
    assert shown == f"dps_{made.public_id}_{HIDDEN}"
    for typed in (f"dps_{made.public_id}", f"dps_{made.public_id}_", f"dps_{made.public_id}…", made.public_id):
        assert public_id_in(typed) == made.public_id


def test_changes_beyond_the_limit_of_an_hour_are_refused() -> None:
    ends_at = NOW + timedelta(minutes=30)
    refuse_overspent(MOST_WRITES, ends_at, NOW)
    with pytest.raises(RateLimited) as refused:
        refuse_overspent(MOST_WRITES + 1, ends_at, NOW)
    assert refused.value.retry_after == 1800
    refuse_overspent(MOST_WRITES + 1, ends_at, ends_at)
