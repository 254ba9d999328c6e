"""What people call a token changes, and nothing else of it; only its owner and administrators change it."""

import pytest

from app.domain.errors import BadRequest, Conflict, NotFound
from app.domain.identity import User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services import Services
from tests.factories import OPERATOR, Refresh, allowed_user, generate, issue, make_user, mint, revoke, signed_in

pytestmark = pytest.mark.both_databases


def test_a_refresh_token_is_renamed_and_described_and_works_on(
    services: Services, refresh: Refresh, anna: User
) -> None:
    access = mint(services, refresh)
    values = {"name": "Zu\u0308rich-sync", "description": "  Copies the catalogue. "}
    found = services.renaming.change(refresh.token.public_id, values, signed_in(anna), anna.id)
    assert (found.name, found.token.description) == ("Zürich-sync", "Copies the catalogue.")
    assert services.verifier.verify(access.secret).token_name == "Zürich-sync"
    assert mint(services, refresh).token.refresh_token_id == refresh.token.id
    (renamed,) = services.audit_list.events(action="refresh_token.renamed").items
    assert (renamed.actor, renamed.detail) == ("anna", {"before": "nightly-etl", "after": "Zürich-sync"})
    (described,) = services.audit_list.events(action="refresh_token.described").items
    assert described.detail == {"before": "", "after": "Copies the catalogue."}


def test_only_what_differs_is_changed_and_recorded(services: Services, refresh: Refresh) -> None:
    before = len(services.audit_list.events().items)
    found = services.renaming.change(refresh.token.public_id, {"name": "nightly-etl", "description": ""}, OPERATOR)
    assert (found.name, found.token.description) == ("nightly-etl", None)
    assert len(services.audit_list.events().items) == before


def test_an_api_token_has_a_description_and_no_name(services: Services) -> None:
    single = generate(services, allowed_user(services), description="old")
    found = services.renaming.change(single.token.public_id, {"description": "new"}, OPERATOR)
    assert found.name == "new"
    with pytest.raises(BadRequest) as refused:
        services.renaming.change(single.token.public_id, {"name": "x"}, OPERATOR)
    assert list(refused.value.fields) == ["name"]
    (event,) = services.audit_list.events(action="access_token.described").items
    assert event.detail == {"before": "old", "after": "new"}


def test_another_users_token_is_not_found_and_keeps_its_name(services: Services, refresh: Refresh) -> None:
    """◆"""
    berta = make_user(services, "berta")
    with pytest.raises(NotFound):
        services.renaming.change(refresh.token.public_id, {"name": "mine"}, signed_in(berta), berta.id)
    assert services.listing.find(refresh.token.public_id).name == "nightly-etl"


def test_the_required_tier_is_found_alone(services: Services) -> None:
    single = generate(services, allowed_user(services))
    with pytest.raises(NotFound):
        services.renaming.change(single.token.public_id, {"description": "x"}, OPERATOR, kind=TokenKind.REFRESH)


def test_what_has_no_name_of_its_own_or_was_revoked_keeps_what_it_has(
    services: Services, refresh: Refresh, anna: User
) -> None:
    """A restore relies on it: what is renamed later was not revoked by a filter before."""
    access, ended = mint(services, refresh), issue(services, anna)
    revoke(services, ended)
    for issued in (access, ended):
        with pytest.raises(Conflict):
            services.renaming.change(issued.token.public_id, {"description": "x"}, OPERATOR)


@pytest.mark.parametrize("name", ["", " spaced ", "a\u202eb", "x" * 256, "\u200c"])
def test_names_follow_the_rules_of_new_ones(services: Services, refresh: Refresh, name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        services.renaming.change(refresh.token.public_id, {"name": name, "description": "kept out"}, OPERATOR)
    assert list(refused.value.fields) == ["name"]
    assert services.listing.find(refresh.token.public_id).token.description is None


def test_a_description_follows_the_rules_of_text(services: Services, refresh: Refresh, anna: User) -> None:
    for description in ("a\nb", "x" * 256, refresh.secret):
        with pytest.raises(BadRequest) as refused:
            services.renaming.change(refresh.token.public_id, {"description": description}, OPERATOR)
        assert list(refused.value.fields) == ["description"]
        with pytest.raises(BadRequest):
            services.issuing.issue(anna.id, "x", signed_in(anna), description=description)


def test_a_token_is_created_with_a_description_and_found_by_its_new_name(services: Services, anna: User) -> None:
    made = services.issuing.issue(anna.id, "sync", signed_in(anna), description=" For the warehouse. ")
    assert made.token.description == "For the warehouse."
    services.renaming.change(made.token.public_id, {"name": "load"}, OPERATOR)
    found = services.listing.tokens(TokenKind.REFRESH, TokenFilter(name="loa")).items
    assert [each.token.public_id for each in found] == [made.token.public_id]
