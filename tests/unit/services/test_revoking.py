"""Revoking: what each way of ending tokens ends, what it leaves alone, and what it writes down.

Not here: revocation on several workers and races (``tests/functional/test_revocation.py``), and the audit rows
(``test_audit``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.errors import BadRequest, NotFound, NotPermitted, TokenRefused, TokenRevoked, TokenUnknown
from app.domain.identity import Caller
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind, TokenStatus
from app.services import Services
from app.services.listing import TokenFilter
from app.services.revoking import Revoked
from app.storage.database import Database
from tests import rows
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOBODY = Caller("")
TEXT = TokenFormat(("dp",))


def test_revoking_a_refresh_token_takes_its_access_token_with_it_and_no_other(services: Services) -> None:
    user = make_user(services)
    refresh, other = issue(services, user), issue(services, user)
    access, others = mint(services, refresh), mint(services, other)
    assert services.revoking.revoke(refresh.token.public_id, "lost laptop", OPERATOR) == Revoked(1, 1)
    assert _reason(services, access) == "token_revoked"
    assert _reason(services, others) is None


def test_revoking_a_refresh_token_ends_the_overlapping_access_token_too(services: Services) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    refresh = issue(services, make_user(services))
    first, second = mint(services, refresh), mint(services, refresh)
    assert services.revoking.revoke(refresh.token.public_id, "", OPERATOR) == Revoked(1, 2)
    assert [_reason(services, token) for token in (first, second)] == ["token_revoked"] * 2


def test_revoking_an_access_token_leaves_its_refresh_token_working(services: Services) -> None:
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    assert services.revoking.revoke(access.token.public_id, "", OPERATOR) == Revoked(0, 1)
    assert _reason(services, access) == "token_revoked"
    assert _reason(services, mint(services, refresh)) is None


def test_who_revoked_when_and_why_is_kept_and_never_overwritten(services: Services, database: Database) -> None:
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    with freeze_time(refresh.token.created_at + timedelta(hours=1)) as clock:
        services.revoking.revoke(refresh.token.public_id, "lost laptop", Caller("berta"))
        at = clock().replace(tzinfo=UTC)
    for issued in (refresh, access):
        kept = services.listing.find(issued.token.public_id).token
        assert (kept.status, kept.revoked_at, kept.revoked_by) == (TokenStatus.REVOKED, at, "berta")
        assert kept.revoke_reason == "lost laptop"
    before = rows.everything(database)
    assert services.revoking.revoke(refresh.token.public_id, "again", OPERATOR) == Revoked(0, 0)
    assert services.revoking.revoke(access.token.public_id, "again", OPERATOR) == Revoked(0, 0)
    services.expiring.expire_due()
    assert rows.everything(database) == before


def test_an_access_token_that_has_expired_stays_expired_when_it_is_revoked(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        access = mint(services, refresh)
        clock.move_to(NOW + timedelta(days=2))
        assert services.revoking.revoke(access.token.public_id, "", OPERATOR) == Revoked(0, 0)
        assert _reason(services, access) == "token_expired"


def test_an_expired_refresh_token_that_is_revoked_can_no_longer_be_regenerated(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        clock.move_to(refresh.token.expires_at)
        services.revoking.revoke(refresh.token.public_id, "", OPERATOR)
        with pytest.raises(TokenRevoked):
            services.issuing.regenerate(refresh.secret, None, NOBODY)


def test_a_public_id_that_nobody_has_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound):
        services.revoking.revoke("0" * 12, "", OPERATOR)
    with pytest.raises(NotFound):
        services.revoking.revoke_user("nobody", "", OPERATOR)


def test_revoking_a_user_ends_every_token_of_theirs_and_none_of_others(services: Services) -> None:
    anna, berta = make_user(services, "anna"), make_user(services, "berta")
    of_anna = [mint(services, issue(services, anna)) for _ in range(3)]
    without_access_token = issue(services, anna)
    of_berta = mint(services, issue(services, berta))
    assert services.revoking.revoke_user("ANNA", "left the company", OPERATOR) == Revoked(4, 3)
    assert [_reason(services, token) for token in of_anna] == ["token_revoked"] * 3
    with pytest.raises(TokenRevoked):
        mint(services, without_access_token)
    assert _reason(services, of_berta) is None
    assert services.revoking.revoke_user("anna", "left the company", OPERATOR) == Revoked(0, 0)
    assert _reason(services, mint(services, issue(services, anna))) is None, "a user may start again"


def test_a_client_revokes_what_is_alive_under_its_refresh_token_and_may_do_so_twice(services: Services) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    refresh = issue(services, make_user(services))
    both = [mint(services, refresh), mint(services, refresh)]
    for _ in range(2):
        told = services.revoking.revoke_access_tokens(refresh.secret, refresh.token.user_id, NOBODY)
        assert (told.id, told.name) == (refresh.token.id, refresh.token.name)
        assert [_reason(services, token) for token in both] == ["token_revoked"] * 2
    assert _reason(services, mint(services, refresh)) is None


def test_a_secret_that_was_found_lying_about_revokes_its_own_token(services: Services) -> None:
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    assert services.revoking.revoke_secret(access.secret, "", OPERATOR) == (access.token.public_id, Revoked(0, 1))
    assert services.revoking.revoke_secret(refresh.secret, "", OPERATOR) == (refresh.token.public_id, Revoked(1, 0))


def test_what_is_not_the_secret_of_a_token_revokes_nothing(services: Services, database: Database) -> None:
    """A public id is no secret: whoever has read one in a log must not be able to end the token with it."""
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    before = rows.everything(database)
    for kind, public_id in ((TokenKind.ACCESS, access.token.public_id), (TokenKind.REFRESH, refresh.token.public_id)):
        made_up = new_token_text(kind)
        for text in (made_up, made_up.with_public_id(public_id)):
            with pytest.raises(TokenUnknown):
                services.revoking.revoke_secret(TEXT.compose(text), "", OPERATOR)
    for text in ("nonsense", "", refresh.token.public_id, access.secret[:-1]):
        with pytest.raises(TokenUnknown):
            services.revoking.revoke_secret(text, "", OPERATOR)
    assert rows.everything(database) == before


def test_a_secret_that_regeneration_replaced_revokes_nothing(services: Services) -> None:
    old = issue(services, make_user(services))
    new = services.issuing.regenerate(old.secret, None, NOBODY)
    assert services.revoking.revoke_secret(old.secret, "", OPERATOR) == (old.token.public_id, Revoked(0, 0))
    assert _reason(services, mint(services, new)) is None


def test_an_unnamed_caller_who_presents_a_secret_is_taken_for_the_tokens_owner(
    services: Services, database: Database
) -> None:
    anna = make_user(services, "anna")
    refresh = issue(services, anna)
    access = mint(services, refresh)
    somewhere = Caller("", address="192.0.2.1", request_id="a request's id")
    for issued, ended in ((access, Revoked(0, 1)), (refresh, Revoked(1, 0))):
        assert services.revoking.revoke_secret(issued.secret, "", somewhere) == (issued.token.public_id, ended)
        assert services.listing.find(issued.token.public_id).token.revoked_by == "anna"
        event = rows.audit_events(database)[-1]
        assert (event.actor, event.actor_id, event.object_id) == ("anna", anna.id, issued.token.public_id)
        assert (event.address, event.request_id) == (somewhere.address, somewhere.request_id)


def test_a_named_caller_who_presents_a_secret_is_on_record_themselves(services: Services, database: Database) -> None:
    access = mint(services, issue(services, make_user(services)))
    berta = make_user(services, "berta")
    services.revoking.revoke_secret(access.secret, "", Caller("berta", berta.id), only_of=None)
    event = rows.audit_events(database)[-1]
    assert (event.actor, event.actor_id) == ("berta", berta.id)


def test_whoever_may_revoke_only_their_own_revokes_nobody_elses(services: Services, database: Database) -> None:
    """Of either tier and in any state, a secret that was replaced included. Fails when `only_of` is ignored (tried)."""
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    anna, berta = make_user(services, "anna"), make_user(services, "berta")
    replaced, revoked = issue(services, anna), issue(services, anna)
    refresh = services.issuing.regenerate(replaced.secret, None, NOBODY)
    overlapping, access = mint(services, refresh), mint(services, refresh)
    services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
    before = rows.everything(database)
    for issued in (refresh, overlapping, access, replaced, revoked):
        with pytest.raises(NotPermitted):
            services.revoking.revoke_secret(issued.secret, "", Caller("berta", berta.id), only_of=berta.id)
    assert rows.everything(database) == before
    as_anna = Caller("anna", anna.id)
    ended = [
        services.revoking.revoke_secret(issued.secret, "", as_anna, only_of=anna.id)[1]
        for issued in (replaced, revoked, access, refresh)
    ]
    assert ended == [Revoked(0, 0), Revoked(0, 0), Revoked(0, 1), Revoked(1, 1)]


def test_what_is_no_token_is_unknown_also_to_whoever_may_revoke_only_their_own(services: Services) -> None:
    """Nobody learns from the refusal whether a public id exists."""
    anna = make_user(services)
    access = mint(services, issue(services, make_user(services)))
    guessed = new_token_text(TokenKind.ACCESS).with_public_id(access.token.public_id)
    for text in (TEXT.compose(guessed), TEXT.compose(new_token_text(TokenKind.ACCESS)), "nonsense"):
        with pytest.raises(TokenUnknown):
            services.revoking.revoke_secret(text, "", Caller("anna", anna.id), only_of=anna.id)


def test_presenting_a_refresh_tokens_secret_ends_all_under_it_of_any_owner_state(services: Services) -> None:
    """Also when its owner is disabled: it would come back to life with them."""
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    user = make_user(services)
    refresh, other = issue(services, user), issue(services, user)
    both, others = [mint(services, refresh), mint(services, refresh)], mint(services, other)
    services.accounts.disable(user.username, OPERATOR)
    assert services.revoking.revoke_secret(refresh.secret, "", NOBODY)[1] == Revoked(1, 2)
    services.accounts.enable(user.username, OPERATOR)
    assert [_reason(services, each) for each in both] == ["token_revoked"] * 2
    assert _reason(services, others) is None


def test_a_secret_with_a_reason_that_cannot_be_kept_revokes_nothing(services: Services) -> None:
    access = mint(services, issue(services, make_user(services)))
    for reason in ("x" * 256, "\x1b[31m"):
        with pytest.raises(BadRequest):
            services.revoking.revoke_secret(access.secret, reason, OPERATOR)
    assert _reason(services, access) is None


def test_disabling_a_user_revokes_nothing(services: Services) -> None:
    user = make_user(services)
    mint(services, issue(services, user))
    services.accounts.disable(user.username, OPERATOR)
    for kind in TokenKind:
        listed = services.listing.tokens(kind, TokenFilter(user_id=user.id)).items
        assert [each.token.status for each in listed] == [TokenStatus.ACTIVE]


def _reason(services: Services, access: Issued[AccessToken] | Issued[RefreshToken]) -> str | None:
    """Why the check refuses it, or None when it works."""
    try:
        services.verifier.verify(access.secret)
    except TokenRefused as refusal:
        return refusal.reason
    return None
