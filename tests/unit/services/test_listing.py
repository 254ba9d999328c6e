"""Lists for people and programs: both tiers page by page, one token, keys.

Not here: which rows match (``tests/unit/storage/test_listing``).
"""

import pytest

from app.domain.errors import BadRequest, NotFound
from app.domain.token_filter import TokenFilter
from app.domain.tokens import RefreshToken, TokenKind
from app.services import Services, listing
from app.services.listing import ListedToken
from tests.factories import issue, make_user, mint

ALL = TokenFilter()


def test_pages_of_any_size_hold_every_token_of_both_tiers_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a page that ends with the last refresh token does not lead to the access tokens."""
    user = make_user(services)
    refresh = [issue(services, user) for _ in range(3)]
    access = [mint(services, each) for each in refresh]
    for criteria, whole in (
        (ALL, [*refresh[::-1], *access[::-1]]),
        (TokenFilter(kind=TokenKind.REFRESH), refresh[::-1]),
        (TokenFilter(kind=TokenKind.ACCESS), access[::-1]),
    ):
        expected = [each.token.public_id for each in whole]
        for size in range(1, 8):
            found: list[str] = []
            cursor = None
            while not found or cursor is not None:
                page = services.listing.both_tiers(criteria, cursor, size)
                assert 0 < len(page.items) <= size
                found += [each.token.public_id for each in page.items]
                cursor = page.cursor
            assert found == expected, (criteria, size)
        monkeypatch.setattr(listing, "LARGEST_PAGE", 2)
        assert [each.token.public_id for each in services.listing.every_token(criteria)] == expected


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
    for kind, cursor in (
        (None, ""), (None, "nonsense"), (None, "x1"), (None, "r-1"), (None, "r1; DROP TABLE users"),
        (TokenKind.REFRESH, "a1"), (TokenKind.ACCESS, "r1"),
    ):  # fmt: skip
        with pytest.raises(BadRequest) as refused:
            services.listing.both_tiers(TokenFilter(kind=kind), cursor)
        assert list(refused.value.fields) == ["cursor"]
