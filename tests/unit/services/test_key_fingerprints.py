"""Which keys a database is used with: hosts that differ are told apart, hosts in the midst of a rotation are not."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from app.domain.audit_seals import Mismatch
from app.domain.errors import Conflict
from app.domain.findings import Level
from app.services import Services
from app.storage.database import Database
from config import Keys
from tests.databases import KEYS
from tests.factories import OPERATOR, issue, make_user, mint

pytestmark = pytest.mark.both_databases

Host = Callable[..., Services]

K1, K2, K3, PEPPER = b"1" * 32, b"2" * 32, b"3" * 32, KEYS.pepper


def level(host: Services) -> Level:
    return host.key_fingerprints.finding().level


def test_the_first_host_is_believed_and_hosts_with_other_keys_are_refused(services_with: Host) -> None:
    """◆ Fails when fingerprints are not compared: of the pepper, of keys with one id, and whether any is shared."""
    first = services_with(Keys({"k1": K1}, PEPPER))
    assert level(first) is Level.WARNING  # nothing is known yet
    for _ in range(2):
        first.key_fingerprints.remember()
    assert level(first) is Level.OK
    first.key_fingerprints.require()
    for keys, named in (
        (Keys({"k1": K2}, PEPPER), "token key k1"),
        (Keys({"k2": K2, "k1": K3}, PEPPER), "token key k1"),
        (Keys({"k1": K1}, b"q" * 32), "pepper"),
        (Keys({"k2": K2, "k3": K3}, PEPPER), "token key k2"),
    ):
        other = services_with(keys)
        found = other.key_fingerprints.finding()
        assert found.level is Level.PROBLEM and f"this host's {named} is not" in found.line
        for act in (other.key_fingerprints.require, other.key_fingerprints.remember):
            with pytest.raises(Conflict, match=named):
                act()
    assert level(first) is Level.OK, "a host that is refused must leave nothing"


def test_hosts_at_different_steps_of_a_rotation_agree(services_with: Host) -> None:
    steps = [{"k1": K1}, {"k1": K1, "k2": K2}, {"k2": K2, "k1": K1}, {"k2": K2}]
    hosts = [services_with(Keys(step, PEPPER)) for step in steps]
    for host in hosts:
        host.key_fingerprints.remember()
    assert [level(host) for host in hosts] == [Level.OK] * 4
    assert level(services_with(Keys({"k1": K1, "k2": K3}, PEPPER))) is Level.PROBLEM  # it made its own second key


def test_a_key_that_active_tokens_need_is_missed(services_with: Host) -> None:
    first, other = services_with(Keys({"k1": K1}, PEPPER)), services_with(Keys({"k2": K2}, PEPPER))
    assert other.key_fingerprints.missing() == []
    issue(first, make_user(first))
    assert (first.key_fingerprints.missing(), other.key_fingerprints.missing()) == ([], ["k1"])
    warnings = [each for each in other.health.examine(thoroughly=True) if each.name == "missing keys"]
    assert [each.level for each in warnings] == [Level.WARNING]


def test_keys_are_adopted_by_an_audited_act(services_with: Host, database: Database) -> None:
    wrong, right = services_with(Keys({"k1": K2}, PEPPER)), services_with(Keys({"k1": K1}, PEPPER))
    wrong.key_fingerprints.remember()
    right.key_fingerprints.adopt(OPERATOR)
    assert (level(right), level(wrong)) == (Level.OK, Level.PROBLEM)
    with database.reading() as session:
        (row,) = session.execute(text("SELECT actor, action, detail FROM audit_events")).all()
    assert tuple(row) == ("cli:tests", "keys.adopted", '{"changed": "token key k1"}')


def test_who_adopts_another_pepper_has_the_audit_log_sealed_again(services_with: Host, database: Database) -> None:
    """Retention removes no range of another key, so that none may stay."""
    wrong, right = services_with(Keys({"k1": K2}, b"q" * 32)), services_with(Keys({"k1": K1}, PEPPER))
    mint(wrong, issue(wrong, make_user(wrong, "anna")))
    wrong.audit.sealing.seal()
    wrong.key_fingerprints.remember()
    with pytest.raises(Mismatch):
        right.audit.trail.verify()
    right.key_fingerprints.adopt(OPERATOR)
    right.audit.sealing.seal()
    assert right.audit.trail.verify().events == 4
    (event,) = right.audit_list.events(action="keys.adopted").items
    assert event.detail == {"changed": "pepper, token key k1", "audit_seals_forgotten": 2}
    right.key_fingerprints.adopt(OPERATOR)
    assert right.audit.trail.verify().events == 4, "its own seals stay"


def test_what_is_stored_tells_nothing_about_the_keys(services_with: Host, database: Database) -> None:
    """Two keys have nothing in common, nor one key under two names; no key is in the table."""
    services_with(Keys({"k1": K1, "k2": K2}, PEPPER)).key_fingerprints.remember()
    with database.reading() as session:
        stored = dict(session.execute(text("SELECT name, fingerprint FROM key_fingerprints")).all())
    assert set(stored) == {"pepper", "token key k1", "token key k2"}
    assert len({*stored.values()}) == 3 and {len(each) for each in stored.values()} == {64}
    assert not any(key.hex() in each for each in stored.values() for key in (K1, K2, PEPPER))
