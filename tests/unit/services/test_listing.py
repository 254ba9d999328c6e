"""Lists for people and programs: which rows, in which order, page by page.

Not here: how they look (``tests/integration/cli``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.errors import BadRequest, NotFound
from app.domain.identity import Caller, User
from app.domain.tokens import RefreshToken, TokenKind, TokenStatus
from app.services import Services
from app.services.listing import LARGEST_PAGE, ListedToken, TokenFilter
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow
from tests.factories import OPERATOR, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = TokenFilter()


def test_tokens_are_listed_newest_first_with_name_and_owner(services: Services) -> None:
    refresh = issue(services, make_user(services, "anna"), "nightly-etl")
    access = mint(services, refresh)
    newer = issue(services, make_user(services, "berta"), "dashboard")
    parents = services.listing.tokens(TokenKind.REFRESH, ALL).items
    assert [(each.token.id, each.name, each.owner) for each in parents] == [
        (newer.token.id, "dashboard", "berta"),
        (refresh.token.id, "nightly-etl", "anna"),
    ]
    (child,) = services.listing.tokens(TokenKind.ACCESS, ALL).items
    assert (child.token.id, child.name, child.owner) == (access.token.id, "nightly-etl", "anna")


def test_pages_hold_every_token_once_although_more_come_meanwhile(services: Services) -> None:
    user = make_user(services)
    made = [issue(services, user).token.id for _ in range(5)]
    first = services.listing.tokens(TokenKind.REFRESH, ALL, limit=2)
    issue(services, user)
    second = services.listing.tokens(TokenKind.REFRESH, ALL, first.cursor, limit=2)
    third = services.listing.tokens(TokenKind.REFRESH, ALL, second.cursor, limit=2)
    assert [each.token.id for page in (first, second, third) for each in page.items] == made[::-1]
    assert third.cursor is None


def test_there_is_no_page_after_the_last(services: Services) -> None:
    user = make_user(services)
    for _ in range(3):
        issue(services, user)
    assert services.listing.tokens(TokenKind.REFRESH, ALL, limit=3).cursor is None
    assert services.listing.tokens(TokenKind.REFRESH, ALL, limit=2).cursor is not None


def test_more_tokens_than_a_page_holds_are_all_listed(services: Services, database: Database) -> None:
    user = make_user(services)
    with database.transaction() as session:
        session.add_all(_row(number, user) for number in range(LARGEST_PAGE + 1))
    listed = [each.token.id for each in services.listing.every_token(TokenKind.REFRESH, ALL)]
    assert len(listed) == LARGEST_PAGE + 1
    assert listed == sorted(set(listed), reverse=True)


def test_a_list_is_narrowed_to_owner_name_state_use_and_nearness_of_the_end(services: Services) -> None:
    with freeze_time(NOW) as clock:
        anna, berta = make_user(services), make_user(services)
        expired = issue(services, anna, "expired-100%")
        clock.move_to(NOW + timedelta(days=59))
        revoked = issue(services, anna, "revoked")
        services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
        used = issue(services, berta, "used")
        clock.move_to(NOW + timedelta(days=60))
        mint(services, used)
        idle = issue(services, berta, "idle_token")
        now = NOW + timedelta(days=60)
        for wanted, names in (
            (TokenFilter(user_id=anna.id), ["revoked", "expired-100%"]),
            (TokenFilter(name="e"), ["idle_token", "used", "revoked", "expired-100%"]),
            (TokenFilter(name="100%"), ["expired-100%"]),
            (TokenFilter(name="%"), ["expired-100%"]),
            (TokenFilter(name="_"), ["idle_token"]),
            (TokenFilter(status=TokenStatus.EXPIRED), ["expired-100%"]),
            (TokenFilter(status=TokenStatus.REVOKED), ["revoked"]),
            (TokenFilter(status=TokenStatus.ACTIVE), ["idle_token", "used"]),
            (TokenFilter(unused_since=now - timedelta(hours=1)), ["revoked", "expired-100%"]),
            (TokenFilter(unused_since=now), ["idle_token", "used", "revoked", "expired-100%"]),
            (TokenFilter(expiring_before=now + timedelta(days=60)), ["used"]),
            (TokenFilter(user_id=berta.id, status=TokenStatus.EXPIRED), []),
        ):
            assert _names(services, wanted) == names, wanted
        assert (expired.token.name, idle.token.name) == ("expired-100%", "idle_token")


def test_a_token_of_either_tier_is_found_by_its_public_id_alone(services: Services) -> None:
    user = make_user(services, "anna")
    refresh, _ = issue(services, user, "nightly-etl"), issue(services, user)
    access, _ = mint(services, refresh), issue(services, user)
    found: list[ListedToken] = [services.listing.find(each.token.public_id) for each in (refresh, access)]
    assert [each.kind for each in found] == [TokenKind.REFRESH, TokenKind.ACCESS]
    assert [each.token.public_id for each in found] == [refresh.token.public_id, access.token.public_id]
    assert {(each.name, each.owner) for each in found} == {("nightly-etl", "anna")}
    assert isinstance(found[0].token, RefreshToken)
    with pytest.raises(NotFound):
        services.listing.find("0" * 12)


def test_a_cursor_that_no_page_gave_is_refused(services: Services) -> None:
    for cursor in ("", "nonsense", "1; DROP TABLE users"):
        with pytest.raises(BadRequest) as refused:
            services.listing.tokens(TokenKind.REFRESH, ALL, cursor)
        assert list(refused.value.fields) == ["cursor"]


def test_audit_events_are_narrowed_to_actor_action_and_object_and_paged(services: Services) -> None:
    anna: User = make_user(services, "anna")
    for _ in range(3):
        issue(services, anna)
    services.accounts.disable("anna", Caller("berta"))
    by_anna = services.listing.audit_events(actor="anna", limit=2)
    assert [event.action for event in by_anna.items] == ["refresh_token.created"] * 2
    rest = services.listing.audit_events(actor="anna", cursor=by_anna.cursor, limit=2)
    assert (len(rest.items), rest.cursor) == (1, None)
    assert [event.actor for event in services.listing.audit_events(action="user.disabled").items] == ["berta"]
    of_anna = services.listing.audit_events(object_id="anna").items
    assert [event.action for event in of_anna] == ["user.disabled", "user.created"]


def test_keys_in_use_counts_living_tokens_of_both_tiers_by_key(services: Services) -> None:
    assert services.listing.keys_in_use() == {}
    user = make_user(services)
    refresh, dead = issue(services, user), issue(services, user)
    mint(services, refresh)
    mint(services, refresh)
    services.revoking.revoke(dead.token.public_id, "", OPERATOR)
    assert services.listing.keys_in_use() == {"k1": 2}


def _row(number: int, owner: User) -> RefreshTokenRow:
    row = RefreshTokenRow(public_id=f"{number:012}", user_id=owner.id, name="planted", key_id="k1", mac=b"")
    row.created_at, row.expires_at = NOW, NOW + timedelta(days=60)
    return row


def _names(services: Services, wanted: TokenFilter) -> list[str]:
    return [each.name for each in services.listing.tokens(TokenKind.REFRESH, wanted).items]
