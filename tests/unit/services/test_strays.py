"""Strays: which secrets that stand where none belongs have an event, how often, and at what cost."""

import pytest
from freezegun import freeze_time
from sqlalchemy import event

from app.domain.errors import Unavailable
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.services import Services, last_use, strays
from app.services.strays import AGAIN_AFTER
from app.storage.database import Database
from tests import rows
from tests.factories import ANONYMOUS, issue, make_user, mint, regenerate, revoke
from tests.unit.services.verdicts import MICROSECOND, NOW

PLACE = "the path of a request"


@pytest.fixture(autouse=True)
def no_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests write."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)


def look(services: Services, *texts: str, place: str = PLACE) -> None:
    for text in texts:
        services.strays.look_in(text, place, lambda: ANONYMOUS)
    services.last_use.flush()


def found(services: Services) -> list[tuple[str, str, str]]:
    """Action, public id and place of each event, oldest first."""
    events = services.audit_list.events(action="refresh_token.secret_found").items
    events += services.audit_list.events(action="access_token.secret_found").items
    return [(each.action.split("_", 1)[0], each.object_id, each.detail["place"]) for each in events]


def test_only_the_secret_of_a_token_that_can_be_used_is_an_event(services: Services) -> None:
    """◆ Not an ended one's, nor a made-up one with the id of a token. Nothing is revoked."""
    anna = make_user(services)
    refresh = issue(services, anna)
    access, gone = mint(services, refresh), issue(services, anna)
    revoke(services, gone)
    old, replaced = issue(services, anna), issue(services, anna)
    regenerate(services, replaced)
    made_up = TokenFormat(("dp",)).compose(new_token_text(TokenKind.ACCESS).with_public_id(access.token.public_id))
    look(
        services,
        gone.secret,
        replaced.secret,
        made_up,
        "nothing",
        f"/{refresh.secret}",
        access.secret[4:],
        old.secret[:-1],
    )
    assert found(services) == [
        ("refresh", refresh.token.public_id, PLACE),
        ("access", access.token.public_id, PLACE),
    ]
    assert services.verifier.verify(access.secret)
    seen = {public_id: services.listing.find(public_id).token.secret_seen_at for _, public_id, _ in found(services)}
    assert all(seen.values()) and services.listing.find(old.token.public_id).token.secret_seen_at is None
    assert regenerate(services, refresh).token.secret_seen_at is None, "the new secret was not seen"


def test_a_secret_that_is_sent_again_and_again_has_an_event_an_hour_for_each_place(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        for moment, number in ((NOW, 1), (NOW + AGAIN_AFTER - MICROSECOND, 1), (NOW + AGAIN_AFTER, 2)):
            clock.move_to(moment)
            look(services, refresh.secret, refresh.secret)
            assert len(found(services)) == number
        look(services, refresh.secret, place="a referrer")
        assert len(found(services)) == 3


def test_what_could_not_be_written_is_written_later(services: Services, database: Database) -> None:
    """Fails when it is taken for told before the commit."""
    refresh = issue(services, make_user(services))

    def refuse(*_: object) -> None:
        event.remove(database.engine, "commit", refuse)
        raise Unavailable("planted fault")

    event.listen(database.engine, "commit", refuse)
    look(services, refresh.secret)
    assert found(services) == []
    services.last_use.flush()
    assert found(services) == [("refresh", refresh.token.public_id, PLACE)]


def test_text_that_is_made_up_costs_a_bounded_number_of_looks(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without a bound; and what was dropped is found the next time."""
    monkeypatch.setattr(strays, "MOST_WAITING", 3)
    format, refresh = TokenFormat(("dp",)), issue(services, make_user(services))
    invented = [format.compose(new_token_text(kind)) for kind in TokenKind for _ in range(5)]
    with rows.statements(database) as sent:
        look(services, *invented)
    assert len([each for each in sent if "public_id" in each]) <= 3
    for text in (" ".join([*invented, refresh.secret]), refresh.secret):
        look(services, text)
    assert len(found(services)) == 1
