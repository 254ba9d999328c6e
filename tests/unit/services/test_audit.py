"""The audit log: one row for each change, in the change's own transaction, with the right actor."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from freezegun import freeze_time
from sqlalchemy.exc import IntegrityError

import app.services
from app.domain.credentials import BY_PASSWORD
from app.domain.errors import Conflict, TokenSuperseded, Unavailable
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services import Services, last_use, sightings
from app.services.linking import named_person
from app.services.sightings import SIGHTING_EVERY
from app.storage.audit import record
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import factories, rows
from tests.databases import destroy
from tests.factories import ISSUER, OPERATOR, PASSWORD, Access, Refresh, issue, make_user, mint, revoke
from tests.unit.services.verdicts import MICROSECOND, MINUTE, NOW, works

CLIENT = Caller("", None, "192.0.2.7", "request-1")
"""Somebody who presents a secret or a password: nobody is known yet."""

ANNA, CLI = "anna", OPERATOR.name


class Tokens(NamedTuple):
    """An active access token, its refresh token and a single-tier token, all anna's."""

    refresh: Refresh
    access: Access
    single: Access

    @property
    def proof(self) -> tuple[str, int]:
        return self.refresh.secret, self.refresh.token.user_id


Act = Callable[[Services, Tokens], object]


def _generate(its: Services, own: Tokens) -> object:
    user_id = own.refresh.token.user_id
    return its.single_tier.generate(user_id, None, None, CLIENT.as_user(user_id, ANNA, BY_PASSWORD))


def _revoke_by_filter(its: Services, own: Tokens) -> object:
    criteria = TokenFilter(name=own.refresh.token.name)
    return its.revoking_by_filter.revoke(criteria, its.revoking_by_filter.preview(criteria).confirmation, "", OPERATOR)


def _rename(its: Services, own: Tokens) -> object:
    return its.renaming.change(own.refresh.token.public_id, {"name": "nightly"}, OPERATOR)


def _describe(its: Services, token: Access | Refresh) -> object:
    return its.renaming.change(token.token.public_id, {"description": "Loads the orders"}, OPERATOR)


def _move(its: Services, token: Access | Refresh) -> object:
    return its.moving.move(token.token.public_id, "dora", OPERATOR)


CHANGES: tuple[tuple[str, str, Act], ...] = (
    ("user.created", CLI, lambda its, _: its.accounts.add("berta", Role.VIEWER, None, OPERATOR)),
    ("user.password_changed", CLI, lambda its, _: factories.set_password(its, "anna", PASSWORD)),
    ("user.role_changed", CLI, lambda its, _: factories.set_role(its, "anna", Role.STEWARD)),
    ("user.api_tokens_changed", CLI, lambda its, _: factories.set_api_tokens(its, "carl", ApiTokens.ALLOW)),
    ("refresh_token.created", ANNA, lambda its, _: its.issuing.issue_with_password("anna", PASSWORD, "etl", CLIENT)),
    ("access_token.minted", ANNA, lambda its, own: factories.mint_with(its, *own.proof, CLIENT)),
    ("refresh_token.regenerated", ANNA, lambda its, own: factories.regenerate_with(its, *own.proof, CLIENT)),
    ("refresh_token.rotated", ANNA, lambda its, own: factories.rotate_with(its, *own.proof, CLIENT)),
    ("access_token.revoked", ANNA, lambda its, own: factories.revoke_under(its, *own.proof, CLIENT)),
    ("access_token.created", ANNA, _generate),
    ("refresh_token.renamed", CLI, _rename),
    ("refresh_token.described", CLI, lambda its, own: _describe(its, own.refresh)),
    ("access_token.described", CLI, lambda its, own: _describe(its, own.single)),
    ("refresh_token.moved", CLI, lambda its, own: _move(its, own.refresh)),
    ("access_token.moved", CLI, lambda its, own: _move(its, own.single)),
    ("access_token.revoked", CLI, lambda its, own: revoke(its, own.access)),
    ("access_token.revoked", CLI, lambda its, own: factories.delete(its, own.single)),
    ("refresh_token.revoked", CLI, lambda its, own: revoke(its, own.refresh)),
    ("tokens.revoked", CLI, _revoke_by_filter),
    ("user.tokens_revoked", CLI, lambda its, _: its.revoking.revoke_user("anna", "left", OPERATOR)),
    ("user.sessions_ended", CLI, lambda its, _: its.sessions.end_all("anna", OPERATOR)),
    ("instance_setting.changed", CLI, lambda its, _: factories.configure(its, retention_days=1)),
    ("user.edited", CLI, lambda its, _: its.accounts.change("dora", {"title": "Analyst"}, OPERATOR)),
    ("user.renamed", CLI, lambda its, _: its.accounts.change("dora", {"username": "dorothea"}, OPERATOR)),
    ("user.deleted", CLI, lambda its, _: its.deleting_users.delete(its.accounts.get_ever("dora").id, OPERATOR)),
    ("user.linked", CLI, lambda its, _: its.linking.link("anna", named_person(ISSUER, "1"), OPERATOR)),
    ("user.disabled", CLI, lambda its, _: factories.disable(its, "anna")),
    ("user.enabled", CLI, lambda its, _: factories.enable(its, "carl")),
)
"""What is recorded, who did it, and the act. Each is a change after those before it."""

ELSEWHERE = {
    "tokens.purged", "refresh_token.found_shared", "user.password_removed", "user.responsible_changed",
    "user.sign_in_locked", "user.sign_in_unlocked", "user.role_kept", "user.unlinked",
    "access_token.secret_found", "refresh_token.secret_found", "refresh_token.old_secret_ended",
    "second_factor.added", "second_factor.removed", "second_factor.reset", "second_factor.recovery_codes_replaced",
    "second_factor.used_recovery_code",
    "user.provisioned", "user.deprovisioned", "user.handed_to_scim", "user.taken_from_scim",
    "scim_token.created", "scim_token.revoked", "scim_group.created", "scim_group.changed", "scim_group.deleted",
    "scim_group.mapped", "scim_group.unmapped",
}  # fmt: skip
"""Recorded as well, and tested by themselves."""


def test_every_action_that_the_services_record_is_in_the_table_above() -> None:
    folder = Path(app.services.__file__).parent
    source = "".join(module.read_text(encoding="utf-8") for module in folder.rglob("*.py"))
    recorded = set(
        re.findall(
            r'"((?:user|refresh_token|access_token|instance_setting|tokens|scim_token|scim_group|second_factor)\.[a-z_]+)"',
            source,
        )
    )
    recorded |= {f"user.{column}_changed" for column in ("role", "api_tokens")}  # composed in ``accounts``
    assert recorded == {action for action, _, _ in CHANGES} | ELSEWHERE


def test_a_secret_in_a_detail_is_masked(services: Services, database: Database) -> None:
    secret = issue(services, make_user(services)).secret
    with database.transaction() as session:
        record(session, NOW, CLIENT, "user.enabled", ("user", "anna"), reason=f"leaked: {secret}", number=1, yes=True)
    detail = services.audit_list.events().items[0].detail
    assert detail == {"reason": f"leaked: {secret[:16]}_<hidden>", "number": 1, "yes": True}


def test_every_change_leaves_one_row_that_says_who_did_it_to_what(services: Services, database: Database) -> None:
    anna, tokens = _annas_tokens(services)
    exists = {"user": services.accounts.get_ever, "instance_setting": services.instance_settings.get, "filter": str}
    for (action, actor, act), own in zip(CHANGES, tokens, strict=True):
        before = rows.count(database, AuditEventRow)
        act(services, own)
        (event,) = rows.audit_events(database)[before:]
        assert (event.action, event.actor, event.result) == (action, actor, "done")
        by_client = actor == ANNA
        assert event.actor_id == (anna.id if by_client else None), action
        assert (event.address, event.request_id) == ((CLIENT.address, CLIENT.request_id) if by_client else (None, None))
        assert event.object_kind == ("filter" if action == "tokens.revoked" else action.partition(".")[0])
        assert event.credential == _credential_of(action, actor, own), action
        exists.get(event.object_kind, services.listing.find)(event.object_id)
        if action in ("refresh_token.regenerated", "refresh_token.revoked", "access_token.revoked"):
            assert event.object_id in [each.token.public_id for each in own], action
        assert isinstance(json.loads(event.detail), dict)


def _credential_of(action: str, actor: str, own: Tokens) -> str:
    if actor == CLI:
        return "command line tests"
    by_password = ("refresh_token.created", "access_token.created")
    return "password" if action in by_password else f"refresh token {own.refresh.token.public_id}"


def test_a_change_whose_row_cannot_be_written_does_not_happen(services: Services, database: Database) -> None:
    """Fails when a row is written after the change, in a transaction of its own (tried, for ``mint``)."""
    _, tokens = _annas_tokens(services)
    rows.refuse_writes(database, "audit_events", "INSERT")
    for (action, _, act), own in zip(CHANGES, tokens, strict=True):
        before = _without_throttle(rows.everything(database))
        with pytest.raises((IntegrityError, Conflict)):
            act(services, own)
        assert _without_throttle(rows.everything(database)) == before, action


def test_a_purge_without_its_row_does_not_happen(services: Services, database: Database, refresh: Refresh) -> None:
    factories.configure(services, retention_days=0)
    revoke(services, refresh)
    factories.accept_clock(services)
    rows.refuse_writes(database, "audit_events", "INSERT")
    before = rows.everything(database)
    with pytest.raises(IntegrityError):
        services.expiring.purge(OPERATOR)
    assert rows.everything(database) == before
    rows.allow_writes(database, "audit_events")
    assert services.expiring.purge(OPERATOR) > 0


def test_an_act_that_changes_nothing_is_not_recorded(
    services: Services, database: Database, refresh: Refresh, access: Access
) -> None:
    revoke(services, refresh)
    before = rows.count(database, AuditEventRow)
    revoke(services, refresh)
    revoke(services, access)
    services.expiring.expire_due()
    services.expiring.purge(OPERATOR)
    assert rows.count(database, AuditEventRow) == before


def test_a_superseded_token_presented_is_recorded_once_in_ten_minutes_and_revokes_nothing(services: Services) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services, "anna"))
        old, new = mint(services, refresh), mint(services, refresh)
        seen = TokenSuperseded(TokenKind.ACCESS, old.token.public_id)
        for moment, sightings in ((NOW, 1), (NOW + SIGHTING_EVERY - MICROSECOND, 1), (NOW + SIGHTING_EVERY, 2)):
            clock.move_to(moment)
            services.sightings.report(seen, CLIENT)
            services.last_use.flush()
            events = services.audit_list.events(action="access_token.superseded_presented").items
            assert [(event.object_id, event.address) for event in events] == [
                (old.token.public_id, "192.0.2.7")
            ] * sightings
        assert works(services, new)


def test_a_sighting_is_written_later_with_its_own_time_and_request(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when `report` writes it itself; and those beyond a bound are dropped until then."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)
    monkeypatch.setattr(sightings, "MOST_WAITING", 3)
    before = rows.everything(database)
    with freeze_time(NOW) as clock:
        for number in range(5):
            services.sightings.report(_seen(number), CLIENT)
        clock.move_to(NOW + MINUTE)
        assert rows.everything(database) == before
        services.last_use.flush()
        services.sightings.report(_seen(4), CLIENT)
        services.last_use.flush()
    events = rows.audit_events(database)
    assert [event.object_id for event in events] == [_seen(number).public_id for number in (0, 1, 2, 4)]
    assert [event.at for event in events] == [NOW] * 3 + [NOW + MINUTE]
    assert (events[0].address, events[0].request_id) == (CLIENT.address, CLIENT.request_id)


def test_a_sighting_refuses_nothing_and_waits_while_the_database_is_away(
    services: Services, database: Database, database_url: str
) -> None:
    """Fails when what could not be written is forgotten (tried)."""
    database.engine.dispose()
    destroy(database_url)
    for _ in range(2):
        services.sightings.report(_seen(1), CLIENT)
        with pytest.raises(Unavailable):
            services.sightings.flush()


def _seen(number: int) -> TokenSuperseded:
    return TokenSuperseded(TokenKind.ACCESS, f"seen{number:08d}")


def _annas_tokens(services: Services) -> tuple[User, list[Tokens]]:
    """Tokens for each of the changes, so that none ends another's; beside anna, carl is disabled and dora is not."""
    anna = factories.allowed_user(services, username="anna", password=PASSWORD)
    factories.disable(services, make_user(services, "carl").username)
    make_user(services, "dora")
    refresh = [issue(services, anna, f"etl-{number:02}") for number in range(len(CHANGES))]
    return anna, [Tokens(each, mint(services, each), factories.generate(services, anna)) for each in refresh]


def _without_throttle(tables: rows.Rows) -> rows.Rows:
    """Counters of sign-ins are no change that anybody made; they have transactions of their own."""
    return {name: content for name, content in tables.items() if name != "login_throttle"}
