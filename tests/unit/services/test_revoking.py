"""Revoking: what each way of ending tokens ends, what it leaves alone, and what it records."""

from dataclasses import replace
from functools import partial

import pytest
from freezegun import freeze_time

from app.domain.errors import BadRequest, NotFound, NotPermitted, TokenMalformed, TokenRevoked, TokenUnknown
from app.domain.identity import Caller, Role, User
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind, TokenStatus
from app.services import Services
from app.services.revoking import Revoked
from app.storage.database import Database
from tests import rows
from tests.factories import (
    ANONYMOUS,
    OPERATOR,
    Refresh,
    configure,
    disable,
    enable,
    issue,
    make_user,
    mint,
    regenerate,
    revoke,
    revoke_under,
    signed_in,
)
from tests.unit.services.verdicts import DAY, HOUR, NOW, reason, refusal_of, works

TEXT = TokenFormat(("dp",))
REVOKED = "token_revoked"


@pytest.fixture
def berta(services: Services) -> User:
    return make_user(services, "berta")


def revoke_secret(services: Services, secret: str, caller: Caller = OPERATOR, only_of: int | None = None) -> Revoked:
    return services.revoking.revoke_secret(secret, "", caller, only_of)[1]


def test_revoking_a_refresh_token_ends_all_access_tokens_under_it_and_no_other(
    services: Services, anna: User, refresh: Refresh
) -> None:
    configure(services, access_token_reissue="overlap")
    overlapping, access, other = mint(services, refresh), mint(services, refresh), mint(services, issue(services, anna))
    assert revoke(services, refresh) == Revoked(1, 2)
    assert [reason(services, each) for each in (overlapping, access, refresh, other)] == [REVOKED] * 3 + [None]


def test_revoking_an_access_token_leaves_its_refresh_token_working(services: Services, refresh: Refresh) -> None:
    access = mint(services, refresh)
    assert revoke(services, access) == Revoked(0, 1)
    assert reason(services, access) == REVOKED
    assert works(services, mint(services, refresh))


def test_the_first_revocation_is_kept_with_its_actor_time_and_reason(
    services: Services, database: Database, refresh: Refresh
) -> None:
    access = mint(services, refresh)
    at = refresh.token.created_at + HOUR
    with freeze_time(at):
        services.revoking.revoke(refresh.token.public_id, "lost laptop", replace(OPERATOR, name="berta"))
    for issued in (refresh, access):
        kept = services.listing.find(issued.token.public_id).token
        assert (kept.status, kept.revoked_at, kept.revoked_by) == (TokenStatus.REVOKED, at, "berta")
        assert kept.revoke_reason == "lost laptop"
    before = rows.everything(database)
    assert revoke(services, refresh, "again") == revoke(services, access, "again") == Revoked(0, 0)
    services.expiring.expire_due()
    assert rows.everything(database) == before | {"clock_marks": rows.everything(database)["clock_marks"]}


def test_an_expired_access_token_stays_expired_and_an_expired_refresh_token_can_no_longer_be_regenerated(
    services: Services, anna: User
) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, anna)
        access = mint(services, refresh)
        clock.move_to(NOW + 2 * DAY)
        assert revoke(services, access) == Revoked(0, 0)
        assert reason(services, access) == "token_expired"
        clock.move_to(refresh.token.expires_at)
        assert revoke(services, refresh) == Revoked(1, 0)
        with pytest.raises(TokenRevoked):
            regenerate(services, refresh)


def test_an_unknown_public_id_or_user_is_not_found(services: Services) -> None:
    assert refusal_of(partial(services.revoking.revoke, "0" * 12, "", OPERATOR)) is NotFound
    assert refusal_of(partial(services.revoking.revoke_user, "nobody", "", OPERATOR)) is NotFound


def test_revoking_a_user_ends_all_their_tokens_and_none_of_others(services: Services, anna: User, berta: User) -> None:
    of_anna = [mint(services, issue(services, anna)) for _ in range(3)]
    without_access_token, of_berta = issue(services, anna), mint(services, issue(services, berta))
    assert services.revoking.revoke_user("ANNA", "left the company", OPERATOR) == Revoked(4, 3)
    assert [reason(services, token) for token in (*of_anna, without_access_token)] == [REVOKED] * 4
    assert works(services, of_berta)
    assert services.revoking.revoke_user("anna", "left the company", OPERATOR) == Revoked(0, 0)
    assert works(services, mint(services, issue(services, anna))), "a user may start again"


def test_a_client_may_revoke_what_is_under_its_refresh_token_twice(services: Services, refresh: Refresh) -> None:
    configure(services, access_token_reissue="overlap")
    both = [mint(services, refresh), mint(services, refresh)]
    for _ in range(2):
        about = revoke_under(services, refresh.secret, refresh.token.user_id)
        assert (about.id, about.name) == (refresh.token.id, refresh.token.name)
        assert [reason(services, token) for token in both] == [REVOKED] * 2
    assert works(services, mint(services, refresh))


def test_text_that_is_no_secret_of_a_token_revokes_nothing(
    services: Services, database: Database, anna: User, refresh: Refresh
) -> None:
    """A public id is no secret: having read one in a log must not suffice to revoke the token, nor to learn of it."""
    access = mint(services, refresh)
    before = rows.everything(database)
    texts = ["nonsense", "", refresh.token.public_id, access.secret[:-1]]
    for kind, public_id in ((TokenKind.ACCESS, access.token.public_id), (TokenKind.REFRESH, refresh.token.public_id)):
        made_up = new_token_text(kind)
        texts += [TEXT.compose(made_up), TEXT.compose(made_up.with_public_id(public_id))]
    for text in texts:
        for only_of in (None, anna.id, anna.id + 1):
            with pytest.raises((TokenMalformed, TokenUnknown)):
                revoke_secret(services, text, only_of=only_of)
    assert rows.everything(database) == before


def test_a_secret_that_regeneration_replaced_revokes_nothing(services: Services, refresh: Refresh) -> None:
    new = regenerate(services, refresh)
    assert revoke_secret(services, refresh.secret) == Revoked(0, 0)
    assert works(services, mint(services, new))


def test_an_anonymous_caller_who_presents_a_secret_is_recorded_as_the_tokens_owner(
    services: Services, database: Database, anna: User, berta: User, refresh: Refresh
) -> None:
    access, other = mint(services, refresh), mint(services, issue(services, anna))
    somewhere = Caller("", address="192.0.2.1", request_id="a request's id")
    for issued, ended in ((access, Revoked(0, 1)), (refresh, Revoked(1, 0))):
        assert services.revoking.revoke_secret(issued.secret, "", somewhere) == (issued.token.public_id, ended)
        assert services.listing.find(issued.token.public_id).token.revoked_by == "anna"
        event = rows.audit_events(database)[-1]
        assert (event.actor, event.actor_id, event.object_id) == ("anna", anna.id, issued.token.public_id)
        assert (event.address, event.request_id) == (somewhere.address, somewhere.request_id)
    revoke_secret(services, other.secret, replace(signed_in(berta), role=Role.SERVER_ADMIN))
    event = rows.audit_events(database)[-1]
    assert (event.actor, event.actor_id) == ("berta", berta.id), "a named one as themselves"


def test_users_who_may_revoke_only_their_own_tokens_revoke_no_others(
    services: Services, database: Database, anna: User, berta: User
) -> None:
    """Of either tier and in any state, a replaced secret included. Fails when `only_of` is ignored (tried)."""
    configure(services, access_token_reissue="overlap")
    replaced, revoked = issue(services, anna), issue(services, anna)
    refresh = regenerate(services, replaced)
    overlapping, access = mint(services, refresh), mint(services, refresh)
    revoke(services, revoked)
    before = rows.everything(database)
    for issued in (refresh, overlapping, access, replaced, revoked):
        with pytest.raises(NotPermitted):
            revoke_secret(services, issued.secret, Caller("berta", berta.id), only_of=berta.id)
    assert rows.everything(database) == before
    as_anna = signed_in(anna)
    own = (replaced, revoked, access, refresh)
    ended = [revoke_secret(services, issued.secret, as_anna, only_of=anna.id) for issued in own]
    assert ended == [Revoked(0, 0), Revoked(0, 0), Revoked(0, 1), Revoked(1, 1)]


def test_the_secret_of_a_refresh_token_revokes_all_under_it_even_of_a_disabled_owner(
    services: Services, anna: User, refresh: Refresh
) -> None:
    """Otherwise they would work again with their owner."""
    configure(services, access_token_reissue="overlap")
    both, other = [mint(services, refresh), mint(services, refresh)], mint(services, issue(services, anna))
    disable(services, "anna")
    assert revoke_secret(services, refresh.secret, ANONYMOUS) == Revoked(1, 2)
    enable(services, "anna")
    assert [reason(services, each) for each in (*both, other)] == [REVOKED, REVOKED, None]


def test_a_reason_that_cannot_be_kept_revokes_nothing(services: Services, refresh: Refresh) -> None:
    for text in ("x" * 256, "\x1b[31m"):
        for act, whose in (
            (services.revoking.revoke_secret, refresh.secret),
            (services.revoking.revoke, refresh.token.public_id),
            (services.revoking.revoke_user, "anna"),
        ):
            assert refusal_of(partial(act, whose, text, OPERATOR)) is BadRequest
    assert works(services, refresh)
