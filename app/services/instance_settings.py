"""Showing and changing instance settings; they are read at each use, so that all workers see a change at once.

Not here: their declarations (``app.domain.policy``).
"""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class SettingValue:
    """A setting with its current value."""

    setting: Setting[Any]
    value: str


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
            stored = settings.stored(session)
        return [SettingValue(each, stored.get(each.key, each.default)) for each in INSTANCE_SETTINGS]

    def get(self, name: str) -> SettingValue:
        """One setting by its key or alias; refuses with NotFound."""
        setting = _declared(name)
        return next(each for each in self.show() if each.setting is setting)

    def policy(self) -> Policy:
        """All of them, parsed; ValueError where a stored value is out of bounds."""
        with self._database.reading() as session:
            return read_policy(session)

    def change(self, name: str, text: str, caller: Caller) -> SettingValue:
        """Set one. Refuses with NotFound (no such setting), BadRequest (an invalid value) and NotPermitted."""
        setting, value = parse_setting(name, text)
        with self._database.transaction() as session:
            now = self._clock()
            before = settings.stored(session).get(setting.key, setting.default)
            if before != value:
                act = Act.WIDEN_SETTING if setting.is_wider(before, value) else Act.CHANGE_SETTING
                stored = Policy.of(settings.stored(session)).values
                refuse_unless_allowed(act, as_of_now(session, caller), lambda key: bool(stored[key]))
                settings.put(session, setting.key, value, now, caller.name)
                subject = ("instance_setting", setting.key)
                record(session, now, caller, "instance_setting.changed", subject, before=before, after=value)
        return SettingValue(setting, value)


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
