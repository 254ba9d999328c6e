"""What ends a person's rights while they are being used: nothing that begins once it is acknowledged succeeds."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from app.domain.errors import Refusal
from app.domain.identity import Role
from app.storage.identity_tables import IdentityRow
from app.storage.tables import RefreshTokenRow, UserRow
from tests.contract.asking_scim import Directory, body, new_token, user
from tests.crowds import all_at_once
from tests.drivers.pages import words
from tests.factories import PASSWORD, disable, issue, make_user, mint, works
from tests.hostile.provided import Provided, Visitor
from tests.hostile.test_provider_logout import logout_claims, send
from tests.hostile.test_provider_people import name_of, person, session_of
from tests.patience import PATIENCE_SECONDS

Act = Callable[[], bool]

LATE_TRIES = 3


def late_successes(acts: Sequence[Act], end: Callable[[], object]) -> int:
    """Repeat each act in a thread of its own, and call `end` once each has succeeded.

    How many succeeded that began after that was acknowledged, of a few that each tried.
    """
    has_succeeded, is_over = [threading.Event() for _ in acts], threading.Event()

    def repeat(act: Act, succeeded: threading.Event) -> int:
        late: list[bool] = []
        while len(late) < LATE_TRIES:
            was_over = is_over.is_set()
            if act():
                succeeded.set()
                late += [True] * was_over
            else:
                late += [False] * was_over
        return sum(late)

    def finish() -> int:
        try:
            assert all(each.wait(PATIENCE_SECONDS) for each in has_succeeded), "somebody could never act"
            end()
        finally:
            is_over.set()
        return 0

    pairs = zip(acts, has_succeeded, strict=True)
    return sum(all_at_once([finish, *(partial(repeat, act, event) for act, event in pairs)]))


def insider(provided: Provided, name: str, **claims: Any) -> Visitor:
    """A browser in which that person has signed in just now."""
    visitor = provided.visitor(person=person(name, **claims))
    assert visitor.sign_in_there().status_code == 303 and visitor.is_signed_in()
    return visitor


def creates_a_token(visitor: Visitor) -> bool:
    answer = visitor.post("/account/auth/refresh-tokens", {"name": "nightly-etl"})
    return answer.status_code == 200 and "Token Secret Key" in answer.get_data(as_text=True)


def tokens_of(provided: Provided, username: str) -> int:
    with provided.database.reading() as session:
        owner = select(UserRow.id).where(UserRow.username == username).scalar_subquery()
        query = select(func.count()).select_from(RefreshTokenRow).where(RefreshTokenRow.user_id == owner)
        return session.scalar(query) or 0


def test_the_longest_that_a_provider_may_say_signs_in(provided_on_each: Provided) -> None:
    """As long as a column, or longer: PostgreSQL would refuse the row, and the page would fail."""
    provided = provided_on_each
    sizes = {"sub": 255, "sid": 255, "given_name": 150, "family_name": 255, "preferred_username": 255}
    said = {name: "x" * size for name, size in sizes.items()}
    visitor = provided.visitor(person=person("longest") | said | {"padding": "x" * 40_000})
    for _ in range(2):
        assert visitor.sign_in_there().status_code == 303
        assert visitor.is_signed_in() and len(name_of(provided, visitor)) == 150
        visitor.post("/logout")


def test_of_many_first_sign_ins_of_a_person_one_makes_the_account(provided_on_each: Provided) -> None:
    provided = provided_on_each
    first = provided.visitor(person=person("newcomer"))
    browsers = [Visitor(provided.app, first.issuer) for _ in range(6)]
    answers = all_at_once([browser.sign_in_there for browser in browsers])
    assert {answer.status_code for answer in answers} == {303}, [words(answer) for answer in answers]
    assert {name_of(provided, browser) for browser in browsers} == {"newcomer"}
    with provided.database.reading() as session:
        assert session.scalar(select(func.count()).where(IdentityRow.subject == "sub-of-newcomer")) == 1


def test_namesakes_who_come_at_once_have_an_account_each(provided_on_each: Provided) -> None:
    provided = provided_on_each
    browsers, ways = [], []
    for number in range(6):
        visitor = provided.visitor(person=person("namesake") | {"sub": f"namesake-{number}"})
        browsers.append(visitor)
        ways.append(visitor.issuer.come_back(visitor.leave()))
    answers = all_at_once([partial(browser.follow, way) for browser, way in zip(browsers, ways, strict=True)])
    assert {answer.status_code for answer in answers} == {303}
    assert len({name_of(provided, browser) for browser in browsers}) == len(browsers)


def test_nobody_who_was_disabled_signs_in_or_acts(provided_on_each: Provided) -> None:
    """◆ Not even to a session that works once they are enabled. Fails when the account is not looked at."""
    provided = provided_on_each
    visitor = insider(provided, "goes")

    def sign_in() -> bool:
        browser = Visitor(provided.app, visitor.issuer)
        return browser.sign_in_there().status_code == 303

    acts: list[Act] = [sign_in] * 4 + [visitor.is_signed_in] * 2
    assert late_successes(acts, lambda: disable(provided.services, "goes")) == 0


@pytest.mark.parametrize("by", ["PATCH", "DELETE"])
def test_nobody_whom_their_directory_took_away_signs_in_mints_or_is_accepted(
    provided_on_each: Provided, by: str
) -> None:
    """◆ Sixteen threads, of a person whom the directory created and the provider signs in."""
    provided, name = provided_on_each, f"joiner-{by.lower()}"
    directory = Directory(provided.app.test_client(use_cookies=False), new_token(provided.services))
    path = f"/Users/{body(directory.post('/Users', user(name, externalId=f'sub-of-{name}')))['id']}"
    visitor = insider(provided, name)
    assert name_of(provided, visitor) == name
    refresh = issue(provided.services, session_of(provided, visitor).user)

    def sign_in() -> bool:
        return Visitor(provided.app, visitor.issuer).sign_in_there().status_code == 303

    def mint_and_use() -> bool:
        with suppress(Refusal):
            return works(provided.services, mint(provided.services, refresh))
        return False

    def take_away() -> None:
        if by == "DELETE":
            assert directory.delete(path).status_code == 204
        else:
            assert body(directory.patch(path, {"op": "replace", "value": {"active": False}}))["active"] is False

    acts: list[Act] = [sign_in] * 4 + [mint_and_use] * 8 + [partial(works, provided.services, refresh)] * 4
    assert late_successes(acts, take_away) == 0
    assert not visitor.is_signed_in()


def test_no_page_works_and_no_token_is_made_once_the_provider_signed_the_person_out(provided_on_each: Provided) -> None:
    """◆ Fails when what is made in a session does not lock its user, or look whether the session has ended."""
    provided = provided_on_each
    visitor = insider(provided, "signed-out")
    visitor.get("/account/auth/refresh-tokens")
    twins = [visitor.twin() for _ in range(4)]
    token, counted = visitor.issuer.sign(logout_claims(visitor)), []

    def sign_out() -> None:
        assert send(provided.app.test_client(), token).status_code == 200
        counted.append(tokens_of(provided, "signed-out"))

    acts = [partial(creates_a_token, twin) for twin in twins] + [twins[0].is_signed_in]
    assert late_successes(acts, sign_out) == 0
    assert counted == [tokens_of(provided, "signed-out")], "a token was made after the sign-out was acknowledged"


def test_nobody_administers_once_the_provider_took_the_role(provided_on_each: Provided) -> None:
    """◆ By the next sign-in, in any browser. Fails when a session keeps the role that it began with."""
    provided = provided_on_each
    make_user(provided.services, role=Role.SERVER_ADMIN, password=PASSWORD)
    target = make_user(provided.services)
    boss = insider(provided, "boss", groups=["admins"])
    boss.get(f"/admin/users/{target.id}/edit")
    twins = [boss.twin() for _ in range(4)]

    def administers(browser: Visitor) -> bool:
        return browser.post(f"/admin/users/{target.id}/edit", {"title": "edited"}).status_code == 303

    acts: list[Act] = [partial(administers, twin) for twin in twins]
    acts.append(lambda: twins[0].get("/admin/users").status_code == 200)
    assert late_successes(acts, lambda: insider(provided, "boss", groups=["stewards"])) == 0
    assert boss.is_signed_in()
