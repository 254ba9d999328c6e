"""What was tried in vain is in the audit log: sampled, bounded, and without what people typed."""

from datetime import timedelta

import pytest

from app.domain.audit import SIGN_IN_REFUSED, AuditEvent, Result
from app.domain.errors import BadCredentials, RateLimited, TokenMalformed
from app.domain.identity import Caller
from app.services import Services
from app.services.sightings import MOST_A_MINUTE, SIGHTING_EVERY, Sightings
from app.storage.database import Database
from tests.factories import PASSWORD, Refresh, disable, make_user
from tests.unit.services.verdicts import MINUTE, SECOND, MovedClock

TYPED = "Hunter2-typed-as-a-name"


def caller(address: str = "192.0.2.7") -> Caller:
    return Caller("", None, address, "request-1")


def guess(services: Services, name: str, password: str = "wrong-password", address: str = "192.0.2.7") -> None:
    with pytest.raises((BadCredentials, RateLimited)):
        services.accounts.authenticate(name, password, caller(address))


def written(services: Services) -> list[AuditEvent]:
    services.sightings.flush()
    return services.audit_list.events(limit=500, result=Result.REFUSED).items[::-1]


def test_a_refused_sign_in_says_whose_and_why_and_never_a_name_that_is_nobodys(services: Services) -> None:
    """◆ People type their password as the user name."""
    for name, password in (("anna", PASSWORD), ("berta", PASSWORD), ("carl", None)):
        make_user(services, name, password=password)
    disable(services, "berta")
    for number, (name, password) in enumerate(
        (("anna", "wrong-password"), ("berta", PASSWORD), ("carl", "x" * 12), (TYPED, "x" * 12), ("nobody", "x" * 12))
    ):
        guess(services, name, password, f"192.0.2.{number}")
    events = written(services)
    assert [(event.action, event.object_id, event.detail) for event in events] == [
        ("sign_in.refused", "anna", {"reason": "wrong password"}),
        ("sign_in.refused", "berta", {"reason": "disabled"}),
        ("sign_in.refused", "carl", {"reason": "no password"}),
        ("sign_in.refused", "(unknown)", {"reason": "unknown user"}),
        ("sign_in.refused", "(unknown)", {"reason": "unknown user"}),
    ]
    assert {(event.result, event.actor, event.credential) for event in events} == {("refused", "", None)}
    assert [event.address for event in events] == [f"192.0.2.{number}" for number in range(5)]
    assert TYPED.lower() not in str(events).lower() and PASSWORD not in str(events)


def test_throttling_is_recorded_once_and_counted(services: Services) -> None:
    make_user(services, "anna", password=PASSWORD)
    for _ in range(30):
        guess(services, "anna")
        guess(services, TYPED, address="192.0.2.9")
    assert [(event.action, event.object_id) for event in written(services)] == [
        ("sign_in.refused", "anna"), ("sign_in.refused", "(unknown)"),
        ("sign_in.throttled", "anna"), ("sign_in.throttled", "(unknown)"),
    ]  # fmt: skip


def test_a_flood_is_one_event_in_ten_minutes_which_says_how_many(services: Services, moved_clock: MovedClock) -> None:
    def flood(number: int) -> None:
        for _ in range(number):
            services.sightings.note(SIGN_IN_REFUSED, ("user", "anna"), caller(), reason="wrong password")

    flood(1000)
    moved_clock.advance(SIGHTING_EVERY - SECOND)
    assert [event.detail.get("left_out") for event in written(services)] == [None]
    moved_clock.advance(SECOND)
    assert [event.detail.get("left_out") for event in written(services)] == [None, 998]
    flood(5)
    moved_clock.advance(SIGHTING_EVERY)
    flood(1)
    assert [event.detail.get("left_out") for event in written(services)] == [None, 998, 5]
    moved_clock.advance(2 * SIGHTING_EVERY)
    assert len(written(services)) == 3


def test_a_crowd_writes_a_bounded_number_of_rows(services: Services, moved_clock: MovedClock) -> None:
    """◆ An attacker can't fill the disk: some rows a minute, however many names and addresses there are."""
    for minute in range(3):
        for number in range(2000):
            address = f"10.{minute}.{number // 250}.{number % 250}"
            services.sightings.note(SIGN_IN_REFUSED, ("user", f"user-{number}"), caller(address))
        services.sightings.flush()
        moved_clock.advance(MINUTE)
    events = written(services)
    assert len(events) == 3 * MOST_A_MINUTE
    others = [event.detail["others_left_out"] for event in events if "others_left_out" in event.detail]
    assert others == [2000 - MOST_A_MINUTE] * 2, "the rest is said by the next"
    services.sightings.note("sign_in.throttled", ("user", "anna"), caller())
    assert len(written(services)) == 3 * MOST_A_MINUTE + 1, "each kind has its own limit"


def test_what_is_remembered_is_bounded(database: Database, moved_clock: MovedClock) -> None:
    its = Sightings(database, moved_clock)
    for _ in range(700):
        for number in range(MOST_A_MINUTE):
            its.note(SIGN_IN_REFUSED, ("user", f"user-{number}"), caller(f"2001:db8:{_:x}::1"))
        moved_clock.advance(MINUTE)
        its._waiting.clear()
    assert len(its._seen) <= 10_000


def test_a_refresh_token_that_exists_is_recorded_where_an_access_token_belongs(
    services: Services, refresh: Refresh
) -> None:
    made_up = services.verifier._format.compose  # a valid checksum, and no such token
    from app.domain.secrets import new_token_text
    from app.domain.tokens import TokenKind

    for text in (refresh.secret, refresh.secret, made_up(new_token_text(TokenKind.REFRESH)), "dpr_x", "junk"):
        with pytest.raises(TokenMalformed) as refused:
            services.verifier.verify(text)
        services.sightings.report(refused.value, caller())
    (event,) = written(services)
    assert (event.action, event.object_kind) == ("refresh_token.presented_as_access", "refresh_token")
    assert event.object_id == refresh.token.public_id
    assert refresh.secret not in str(event)


def test_events_of_other_places_and_times_have_rows_of_their_own(services: Services, moved_clock: MovedClock) -> None:
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        services.sightings.note(SIGN_IN_REFUSED, ("user", "anna"), caller(address))
    assert len(written(services)) == 4, "an IPv6 network counts once"
    moved_clock.advance(timedelta(days=-400))
    services.sightings.note(SIGN_IN_REFUSED, ("user", "anna"), caller("192.0.2.1"))
    assert len(written(services)) == 6, "a clock that was ahead silences nothing: one, and the count of the network"
