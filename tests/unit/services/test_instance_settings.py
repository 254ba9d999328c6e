"""Instance settings: showing and changing them. Not here: which values each can have (``tests/unit/domain``)."""

import json
from dataclasses import replace
from functools import partial

import pytest

from app.domain.errors import BadRequest, NotFound
from app.domain.policy import INSTANCE_SETTINGS
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.factories import OPERATOR, make_user


def test_a_change_is_kept_and_recorded_with_the_value_before_and_after(services: Services, database: Database) -> None:
    shown, anna = services.instance_settings.show(), make_user(services, "anna")
    assert [(each.setting, each.value) for each in shown] == [(each, each.default) for each in INSTANCE_SETTINGS]
    services.instance_settings.change("retention_days", "90", OPERATOR)  # the default
    services.instance_settings.change("retention_days", "007", replace(OPERATOR, name="anna", user_id=anna.id))
    assert services.instance_settings.get("retention_days").value == "7"
    assert services.instance_settings.policy().retention.days == 7
    before = rows.everything(database)
    services.instance_settings.change("retention_days", "7", OPERATOR)  # as it is already
    assert rows.everything(database) == before
    event = rows.audit_events(database)[-1]
    assert (event.actor, event.actor_id, event.action) == ("anna", anna.id, "instance_setting.changed")
    assert (event.object_kind, event.object_id) == ("instance_setting", "retention_days")
    assert json.loads(event.detail) == {"before": "90", "after": "7"}


def test_the_last_change_is_known_with_what_was_before_and_who_made_it(services: Services, database: Database) -> None:
    known = services.instance_settings
    assert (known.last_change("retention_days"), known.last_change("no such setting")) == (None, None)
    for value in ("30", "10", "10"):
        known.change("retention_days", value, OPERATOR)
    change = known.last_change("retention_days")
    assert change is not None and (change.before, change.after) == ("30", "10")
    shown = known.get("retention_days")
    assert (shown.changed_by, shown.changed_at) == (OPERATOR.name, rows.audit_events(database)[-1].at)
    others = [each for each in known.show() if each.setting is not shown.setting]
    assert {(each.changed_by, each.changed_at) for each in others} == {(None, None)}


def test_a_value_out_of_range_or_an_unknown_name_changes_nothing(services: Services, database: Database) -> None:
    before = rows.everything(database)
    with pytest.raises(BadRequest) as refused:
        services.instance_settings.change("access_token_lifespan", "721", OPERATOR)
    assert refused.value.fields == {
        "access_token_lifespan": ["access_token_lifespan must be between 1 and 720 hours, not 721"]
    }
    for name in ("", "access_token_lifespam"):
        with pytest.raises(NotFound):
            services.instance_settings.change(name, "1", OPERATOR)
        with pytest.raises(NotFound):
            services.instance_settings.get(name)
    assert rows.everything(database) == before


@pytest.mark.both_databases
def test_simultaneous_changes_are_all_recorded_and_the_last_one_holds(services: Services, database: Database) -> None:
    values = [str(number) for number in range(1, 9)]
    all_at_once([partial(services.instance_settings.change, "retention_days", value, OPERATOR) for value in values])
    changes = [json.loads(event.detail) for event in rows.audit_events(database)]
    assert sorted(change["after"] for change in changes) == values
    assert services.instance_settings.get("retention_days").value in values
