"""What was created with a token, on its pages: shown, and revoked with it where the box is ticked."""

import pytest
from flask import Flask

from app.domain.identity import Role
from app.services import Services
from app.services import descendants as service
from tests.contract.asking_pages import Somebody, somebody
from tests.drivers.pages import words
from tests.factories import Access, generate, with_token, works

BOX = {"with_descendants": "on"}


@pytest.fixture(scope="module")
def owner(app: Flask) -> Somebody:
    return somebody(app, allowed=True)


@pytest.fixture(scope="module")
def admin(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def made_with(services: Services, owner: Somebody, number: int = 1) -> tuple[Access, list[Access]]:
    root = generate(services, owner.user, lifetime=None, description="root")
    caller = with_token(owner.user, root)
    made = [services.single_tier.generate(owner.user.id, None, f"made {each}", caller) for each in range(number)]
    return root, made


def test_an_owner_is_asked_and_told(services: Services, owner: Somebody) -> None:
    for form, ends in (({}, False), (BOX, True)):
        root, [made] = made_with(services, owner)
        path = f"/preferences/access-tokens/{root.token.uuid}/delete"
        dialog = owner.pages.get(path)
        assert "Also revoke 1 token created with it" in words(dialog) and "checked" not in dialog.text
        told = words(owner.pages.get(owner.pages.post(path, form).headers["Location"]))
        assert ("Deleted root and 1 token created with it." if ends else "Deleted root. It no longer works.") in told
        assert (works(services, root), works(services, made)) == (False, not ends)


def test_an_administrator_revokes_them_unless_the_box_is_cleared(
    services: Services, owner: Somebody, admin: Somebody
) -> None:
    for form, ends in (({}, False), (BOX, True)):
        root, [made] = made_with(services, owner)
        path = f"/admin/tokens/{root.token.public_id}"
        dialog = admin.pages.get(f"{path}/revoke")
        assert "Also revoke 1 token created with it" in words(dialog) and "checked" in dialog.text
        done = admin.pages.post(f"{path}/revoke", form | {"reason": "stolen"}).headers["Location"]
        told = words(admin.pages.get(done))
        assert ("1 refresh and 2 access tokens." in told or "2 access tokens." in told) is ends
        assert (works(services, root), works(services, made)) == (False, not ends)


def test_many_are_counted_and_folded_and_more_than_are_counted_are_still_offered(
    services: Services, owner: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, made = made_with(services, owner, 22)
    path = f"/preferences/access-tokens/{root.token.uuid}/delete"
    shown = owner.pages.get(path)
    assert "Also revoke 22 tokens created with it" in words(shown) and "and 2 more" in words(shown)
    assert "Show the tokens" in words(shown)
    monkeypatch.setattr(service, "MOST_COUNTED", 3)
    for each in made[:4]:
        services.single_tier.delete(each.token.uuid, with_token(owner.user, root), owner.user.id)
    assert "Also revoke all tokens created with it" in words(owner.pages.get(path))
