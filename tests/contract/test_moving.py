"""Moving, renaming and describing tokens, as every API, the gate and the pages answer it.

Not here: what is moved and refused (``tests/unit/services/test_moving``, ``test_renaming``).
"""

from functools import partial
from urllib.parse import urlencode

import pytest
from flask import Flask

from app.domain.identity import Role
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services import Services
from app.web.done import SEAL, seal_of
from app.web.form_tokens import unpadded
from tests.contract.asking import Alation, AskedGate, Headers, Members, OAuth, Trifacta, bearer
from tests.contract.asking_native import Person, fields_of, problem
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import Setting
from tests.drivers.pages import page, words
from tests.factories import (
    OPERATOR,
    allowed_user,
    disable,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    revoke,
)

MANAGES = {"api_can_manage_users": "on"}


@pytest.fixture(scope="module")
def clara(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def test_every_entry_point_sees_the_new_owner_at_the_next_check(
    services: Services, anna: Person, alation: Alation, oauth: OAuth, gate: AskedGate, as_introspector: Headers
) -> None:
    """◆ The user id of Alation's contract is a part of the proof: the new one is right, the old one is refused."""
    berta = make_user(services, email="berta@example.org")
    old, new = anna.user.id, berta.id
    services.moving.move(anna.refresh.token.public_id, berta.username, OPERATOR)
    assert gate.verify(anna.access.secret).headers["X-Auth-User-Id"] == str(new)
    assert anna.native.get("me").get_json()["id"] == new
    assert alation.use(anna.access.secret).get_json()["email"] == "berta@example.org"
    introspected = oauth.introspect(anna.access.secret, headers=as_introspector).get_json()
    assert (introspected["active"], introspected["sub"]) == (True, str(new))
    for operation, name, secret in (
        ("validateAPIAccessToken", "api_access_token", anna.access.secret),
        ("validateRefreshToken", "refresh_token", anna.refresh.secret),
        ("createAPIAccessToken", "refresh_token", anna.refresh.secret),
    ):
        refused = alation.post(operation, **{name: secret, "user_id": old})
        assert refused.status_code == 401 and refused.get_json()["reason"] == "user_id_mismatch", operation
        answer = alation.post(operation, **{name: secret, "user_id": new})
        assert answer.status_code in (200, 201) and answer.get_json()["user_id"] == new, operation


# Daypass's own API


def test_an_administrator_moves_a_token_and_a_repeat_changes_nothing(
    services: Services, admin: Person, anna: Person, setting: Setting
) -> None:
    berta = make_user(services)
    path = f"tokens/{anna.refresh.token.public_id}/move"
    assert problem(admin.native.post(path, {"to": berta.username})) == (403, "not_permitted")
    with setting(**MANAGES):
        for _ in range(2):
            answer = admin.native.post(path, {"to": berta.username, "reason": "anna left"})
            assert (answer.status_code, answer.get_json()["owner"]) == (200, berta.username)
        assert problem(admin.native.post(path, {"to": "nobody"})) == (404, "not_found")
        assert problem(admin.native.post(path, {"to": admin.user.username})) == (403, "not_permitted")
        assert fields_of(admin.native.post(path, {})) == ["to"]


def test_owners_rename_and_describe_their_tokens(services: Services, anna: Person) -> None:
    public_id = anna.refresh.token.public_id
    path = f"me/refresh-tokens/{public_id}"
    answer = anna.native.send("PATCH", path, json={"name": "weekly", "description": "Every Sunday."}).get_json()
    assert (answer["name"], answer["description"], answer["kind"]) == ("weekly", "Every Sunday.", "refresh")
    assert anna.native.get("me/token").get_json()["name"] == "weekly"
    for none in (None, ""):
        assert anna.native.send("PATCH", f"me/tokens/{public_id}", json={"description": none}).get_json() == answer | {
            "description": None
        }
    assert fields_of(anna.native.send("PATCH", path, json={})) == ["name, description"]
    assert fields_of(anna.native.send("PATCH", path, json={"name": ""})) == ["name"]
    assert fields_of(anna.native.send("PATCH", path, json={"name": None})) == ["name"]
    assert fields_of(anna.native.send("PATCH", path, json={"expires_at": "never"})) == ["expires_at"]
    mine = f"me/refresh-tokens/{anna.access.token.public_id}"
    assert problem(anna.native.send("PATCH", mine, json={"description": "x"})) == (404, "not_found")


def test_an_api_token_has_a_description_only(services: Services, anna: Person, admin: Person) -> None:
    single = generate(services, allowed_user(services), description="old").token
    path = f"tokens/{single.public_id}"
    assert admin.native.send("PATCH", path, json={"description": "new"}).get_json()["name"] == "new"
    assert fields_of(admin.native.send("PATCH", path, json={"name": "x"})) == ["name"]
    assert problem(anna.native.send("PATCH", f"me/{path}", json={"description": "x"})) == (404, "not_found")


def test_a_refresh_token_is_created_with_a_description(anna: Person, setting: Setting) -> None:
    with setting(api_can_create_refresh_tokens="on"):
        made = anna.native.post("me/refresh-tokens", {"name": "x", "description": "for the warehouse"}).get_json()
    (found,) = [
        each for each in anna.native.get("me/tokens").get_json()["items"] if each["public_id"] == made["public_id"]
    ]
    assert found["description"] == "for the warehouse"


# Pages


def test_an_administrator_moves_a_token_and_reads_which_user_id_programs_send_now(
    services: Services, clara: Somebody
) -> None:
    owner, berta = make_user(services), make_user(services)
    refresh = issue(services, owner, "catalog-sync")
    here = f"/admin/tokens/{refresh.token.public_id}"
    dialog = words(clara.pages.get(f"{here}/move"))
    assert f"Those that send {owner.id} are refused" in dialog and "Its secret stays" in dialog
    answer = clara.pages.post(f"{here}/move", {"to": f" {berta.username.upper()} ", "reason": "left"})
    assert answer.status_code == 303 and answer.location.startswith(f"{here}?")
    shown = words(clara.pages.get(answer.location))
    assert f"Moved to {berta.username}. Programs that send a user id with it must send {berta.id} now" in shown
    assert "Moved by you" in shown
    assert f"From {owner.username} to {berta.username}" in shown
    services.moving.move(refresh.token.public_id, owner.username, OPERATOR)
    assert "must send" not in words(clara.pages.get(answer.location))


def test_a_move_through_which_somebody_gains_rights_is_made_after_a_warning_about_that_owner(
    services: Services, clara: Somebody
) -> None:
    """◆"""
    refresh, steward = issue(services, make_user(services)), make_user(services, role=Role.STEWARD)
    other = make_user(services, role=Role.CATALOG_ADMIN)
    move = f"/admin/tokens/{refresh.token.public_id}/move"
    warned = clara.pages.post(move, {"to": steward.username})
    assert warned.status_code == 200 and "gains rights" in words(warned) and "Steward" in words(warned)
    confirmed = page(warned).form(move).fields["confirmed"]
    again = clara.pages.post(move, {"to": other.username, "confirmed": confirmed})
    assert again.status_code == 200 and "Catalog Admin" in words(again)
    assert services.listing.find(refresh.token.public_id).token.user_id == refresh.token.user_id
    assert clara.pages.post(move, {"to": steward.username, "confirmed": confirmed}).status_code == 303


@pytest.mark.parametrize(
    ("about", "status", "said"),
    [
        ({}, 404, "There is no user with this name"),
        ({"role": Role.SERVER_ADMIN}, 403, "anyone who knows its secret would get the permissions of SERVER_ADMIN"),
    ],
)
def test_a_move_that_is_refused_says_why_in_the_dialog(
    services: Services, clara: Somebody, about: dict[str, Role], status: int, said: str
) -> None:
    refresh = issue(services, make_user(services))
    to = make_user(services, **about).username if about else "nobody"
    answer = clara.pages.post(f"/admin/tokens/{refresh.token.public_id}/move", {"to": to, "reason": "kept"})
    assert answer.status_code == status and said in words(answer)
    assert page(answer).value_of("to") == to and page(answer).value_of("reason") == "kept"


def test_names_and_descriptions_are_edited_on_the_pages_of_owners_and_administrators(
    app: Flask, services: Services, clara: Somebody
) -> None:
    owner = somebody(app, allowed=True)
    refresh = issue(services, owner.user, "before").token.public_id
    single = generate(services, owner.user, description="before").token.public_id
    places = (
        (owner, f"/account/auth/refresh-tokens/{refresh}", {"token_name": "after-1", "description": "Nightly."}),
        (owner, f"/preferences/access-tokens/{single}", {"description": "after-2"}),
        (clara, f"/admin/tokens/{refresh}", {"token_name": "after-3", "description": "Weekly."}),
        (clara, f"/admin/tokens/{single}", {"description": "after-4"}),
    )
    for who, here, fields in places:
        assert f"{here}/edit" in who.pages.get(here).text
        answer = who.pages.post(f"{here}/edit", who.pages.fill_in(f"{here}/edit", fields))
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, here)
        shown = words(who.pages.get(answer.location))
        assert "Saved." in shown and all(value in shown for value in fields.values())


def test_a_name_that_is_refused_stays_in_its_field(app: Flask, services: Services) -> None:
    owner = somebody(app)
    edit = f"/account/auth/refresh-tokens/{issue(services, owner.user).token.public_id}/edit"
    answer = owner.pages.post(edit, {"token_name": "a\tb", "description": "mine"})
    assert answer.status_code == 400 and "must not hold a control character" in words(answer)
    assert page(answer).value_of("description") == "mine"


def test_a_description_is_given_under_advanced(app: Flask, services: Services) -> None:
    owner = somebody(app)
    owner.pages.post("/account/auth/refresh-tokens", {"name": "x", "description": "For the warehouse."})
    (made,) = services.listing.tokens(TokenKind.REFRESH, TokenFilter(user_id=owner.user.id)).items
    assert "For the warehouse." in words(owner.pages.get(f"/account/auth/refresh-tokens/{made.token.public_id}"))


# The layers whose answers are others' contracts


def test_the_answers_of_other_contracts_have_the_new_name_and_no_new_member(
    services: Services, anna: Person, alation: Alation, trifacta: Trifacta
) -> None:
    proof: Members = {"refresh_token": anna.refresh.secret, "user_id": anna.user.id}
    before = alation.post("validateRefreshToken", **proof).get_json()
    values = {"name": "renamed", "description": "described"}
    services.renaming.change(anna.refresh.token.public_id, values, OPERATOR)
    assert alation.post("validateRefreshToken", **proof).get_json() == before | {"name": "renamed"}
    single = generate(services, allowed_user(services), description="old")
    ask = partial(trifacta.shown, bearer(single.secret), single.token.uuid)
    shown = ask().get_json()
    services.renaming.change(single.token.public_id, {"description": "new"}, OPERATOR)
    assert ask().get_json() | {"lastUsed": None} == shown | {"description": "new", "lastUsed": None}


def test_the_message_about_a_move_tells_nothing_of_tokens_of_others(services: Services, app: Flask) -> None:
    """◆ The key of an address's seal is in the user's own pages: they can seal an address with any token in it."""
    anna, berta = somebody(app), make_user(services)
    token = issue(services, berta, "of-berta").token
    anna.pages.get("/account/auth")
    named = {"done": "moved", "done-token": token.public_id, "done-after": str(berta.id)}
    for path in ("/account/auth", "/preferences/access-tokens"):
        seal = seal_of(named, unpadded(anna.pages.form_token))
        shown = words(anna.pages.get(path, query_string=named | {SEAL: seal}))
        assert "of-berta" not in shown and berta.username not in shown


def test_an_address_that_its_user_sealed_with_anything_in_it_breaks_no_page(services: Services, app: Flask) -> None:
    clara, mine = somebody(app, Role.SERVER_ADMIN), generate(services, allowed_user(services)).token.public_id
    pages = {
        "/account/auth": ("revoked", "old-secret-ended", "moved"), "/preferences/access-tokens": ("deleted", "moved"),
        "/admin/tokens": ("revoked", "moved-chosen"), "/admin/users": ("revoked", "moved"),
        f"/admin/tokens/{mine}": ("revoked", "edited", "moved"),
    }  # fmt: skip
    clara.pages.get("/account/auth")
    key = unpadded(clara.pages.form_token)
    for path, done in ((path, each) for path, acts in pages.items() for each in acts):
        for others in ({}, {"done-token": mine, "done-access": "x", "done-descendants": "-1", "done-moved": "\u0661"}):
            named = {"done": done} | others
            answer = clara.pages.get(path, query_string=named | {SEAL: seal_of(named, key)})
            assert answer.status_code in (200, 404), (path, named)


def test_an_owner_is_told_the_same_of_an_account_of_others_as_of_none(services: Services, app: Flask) -> None:
    """◆ Enabled, disabled, a person's: nobody learns which user names there are by moving a token."""
    anna, berta, carl = somebody(app), make_user(services), make_user(services)
    account = make_service_account(services, berta)
    disable(services, carl.username)
    public_id, told = issue(services, anna.user).token.public_id, set()
    for name in (berta.username, carl.username, account.username, "nobody-at-all"):
        answer = anna.pages.post(f"/account/auth/refresh-tokens/{public_id}/move", {"to": name})
        told.add((answer.status_code, words(answer).replace(name, "NAME")))
    assert len(told) == 1, told


def test_chosen_tokens_of_a_list_move_at_once_after_a_page_that_names_the_new_owner(
    services: Services, clara: Somebody
) -> None:
    """◆ Those that cannot be moved are counted, and stay."""
    anna, berta = allowed_user(services), make_user(services)
    first, second, single = issue(services, anna), issue(services, anna), generate(services, anna)
    minted = mint(services, first)
    chosen = {f"pick-{each.token.public_id}": "on" for each in (first, second, single, minted)}
    back = f"/admin/tokens?owner={anna.username}"
    asked = clara.pages.get(f"/admin/tokens/move-chosen?{urlencode(chosen | {'back': back})}")
    assert "This moves 2 refresh tokens with their access tokens and 1 API token to another owner" in words(asked)
    assert "1 selected token stays: ended, or moved with the refresh token." in words(asked)
    sent = chosen | {"to": berta.username, "back": back}
    named = clara.pages.post("/admin/tokens/move-chosen", sent)
    assert f"to {berta.username} . From the next check on" in words(named)
    assert f"Move 3 tokens to {berta.username}" in words(named)
    assert services.listing.find(first.token.public_id).owner == anna.username
    done = clara.pages.post("/admin/tokens/move-chosen", sent | {"confirmed": berta.username})
    assert done.status_code == 303 and done.location.startswith(back)
    assert f"Moved 3 tokens to {berta.username}." in words(clara.pages.get(done.location))
    assert {services.listing.find(each.token.public_id).owner for each in (first, second, single)} == {berta.username}
    revoke(services, first)
    none = clara.pages.get(f"/admin/tokens/move-chosen?pick-{first.token.public_id}=on")
    assert "None of the selected tokens can be moved" in words(none)


def test_moving_chosen_tokens_warns_where_rights_are_gained_and_says_what_is_wrong(
    services: Services, clara: Somebody
) -> None:
    anna, stronger = make_user(services), make_user(services, role=Role.STEWARD)
    refresh = issue(services, anna)
    chosen = {f"pick-{refresh.token.public_id}": "on"}
    warned = words(clara.pages.post("/admin/tokens/move-chosen", chosen | {"to": stronger.username}))
    assert "gains rights" in warned and f"rights that {anna.username} does not have" in warned
    wrong = clara.pages.post("/admin/tokens/move-chosen", chosen | {"to": "nobody"})
    assert wrong.status_code == 404 and "There is no user with this name." in words(wrong)
    assert "No token was chosen" in words(clara.pages.get("/admin/tokens/move-chosen"))
    assert services.listing.find(refresh.token.public_id).owner == anna.username


def test_owners_are_offered_only_accounts_to_which_their_token_can_be_moved(services: Services, app: Flask) -> None:
    anna = somebody(app)
    refresh, weaker = issue(services, anna.user), make_service_account(services, anna.user)
    stronger = make_service_account(services, anna.user, role=Role.STEWARD)
    dialog = anna.pages.get(f"/account/auth/refresh-tokens/{refresh.token.public_id}/move").text
    assert f">{weaker.username}<" in dialog and f">{stronger.username}<" not in dialog
