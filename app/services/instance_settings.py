"""Showing and changing instance settings; they are read at each use, so that all workers see a change at once.

Not here: their declarations (``app.domain.policy``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, NotFound
from app.domain.identity import Caller
from app.domain.ladder import Act, refuse_unless_allowed
from app.domain.policy import INSTANCE_SETTINGS, Policy, find_setting
from app.domain.setting import Setting
from app.services.ended_credentials import as_of_now
from app.storage import settings
from app.storage.audit import record
from app.storage.database import Database
from app.storage.settings import StoredValue


@dataclass(frozen=True)
class SettingValue:
    """A setting with its current value, and who changed it last and when; None where nobody did."""

    setting: Setting[Any]
    value: str
    changed_at: datetime | None = None
    changed_by: str | None = None


@dataclass(frozen=True)
class SettingChange:
    """The last change of a setting. `before`: None where retention has removed its audit event."""

    setting: Setting[Any]
    before: str | None
    after: str


def read_policy(session: Session) -> Policy:
    """The instance settings in this transaction."""
    return Policy.of(settings.stored(session))


class InstanceSettings:
    """Shows and changes instance settings."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def show(self) -> list[SettingValue]:
        """All settings in order of declaration."""
        with self._database.reading() as session:
            stored = settings.listed(session)
        return [_value_of(each, stored.get(each.key)) for each in INSTANCE_SETTINGS]

    def get(self, name: str) -> SettingValue:
        """One setting by its key or alias; refuses with NotFound."""
        setting = _declared(name)
        return next(each for each in self.show() if each.setting is setting)

    def last_change(self, name: str) -> SettingChange | None:
        """The last change of a setting; None where nobody changed it, or there is no such setting."""
        setting = find_setting(name)
        if setting is None:
            return None
        with self._database.reading() as session:
            known = settings.listed(session).get(setting.key)
            before = settings.before_last_change(session, setting.key)
        return None if known is None else SettingChange(setting, before, known.value)

    def policy(self) -> Policy:
        """All of them, parsed; ValueError where a stored value is out of bounds."""
        with self._database.reading() as session:
            return read_policy(session)

    def change(self, name: str, text: str, caller: Caller) -> SettingValue:
        """Set one. Refuses with NotFound (no such setting), BadRequest (an invalid value) and NotPermitted."""
        setting, value = parse_setting(name, text)
        with self._database.transaction() as session:
            now = self._clock()
            listed = settings.listed(session)
            known = _value_of(setting, listed.get(setting.key))
            if known.value == value:
                return known
            act = Act.WIDEN_SETTING if setting.is_wider(known.value, value) else Act.CHANGE_SETTING
            stored = Policy.of({key: each.value for key, each in listed.items()}).values
            refuse_unless_allowed(act, as_of_now(session, caller), lambda key: bool(stored[key]))
            settings.put(session, setting.key, value, now, caller.name)
            subject = ("instance_setting", setting.key)
            record(session, now, caller, settings.CHANGED, subject, before=known.value, after=value)
            return SettingValue(setting, value, now, caller.name)


def parse_setting(name: str, text: str) -> tuple[Setting[Any], str]:
    """The declaration, and the value in its canonical spelling; refuses as :meth:`InstanceSettings.change`."""
    setting = _declared(name)
    try:
        return setting, setting.parse(text)
    except ValueError as error:
        raise BadRequest(str(error), {setting.key: [str(error)]}) from None


def _declared(name: str) -> Setting[Any]:
    setting = find_setting(name)
    if setting is None:
        raise NotFound("instance setting")
    return setting


def _value_of(setting: Setting[Any], stored: StoredValue | None) -> SettingValue:
    if stored is None:
        return SettingValue(setting, setting.default)
    return SettingValue(setting, stored.value, stored.changed_at, stored.changed_by)
