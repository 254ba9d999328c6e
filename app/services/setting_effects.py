"""What a change of an instance setting would affect, counted before it is made.

Not here: changing it (``instance_settings``), and what it affects (``app.domain.policy``).
"""

from dataclasses import dataclass

from app.domain.clock import Clock
from app.domain.policy import Policy
from app.domain.setting import Affects
from app.services.instance_settings import parse_setting
from app.storage import settings
from app.storage.counting import count
from app.storage.database import Database


@dataclass(frozen=True)
class Effect:
    """`count` of `affects.counted` are affected, as `statement` says; None where there is nothing to count."""

    affects: Affects
    statement: str
    count: int | None

    @property
    def what(self) -> str:
        """What is counted, in the plural."""
        counted = self.affects.counted
        return f"{counted.noun}s{' unaffected' if self.affects.is_unaffected else ''}" if counted else "nothing"


@dataclass(frozen=True)
class Forecast:
    """A setting's value before and after, in their one spelling; no effects where it stays the same."""

    key: str
    before: str
    after: str
    effects: list[Effect]


class SettingEffects:
    """Previews changes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def preview(self, name: str, text: str) -> Forecast:
        """What setting it to this would do. Refuses as :meth:`InstanceSettings.change`."""
        setting, value = parse_setting(name, text)
        with self._database.reading() as session:
            stored = settings.stored(session)
            before, after = Policy.of(stored), Policy.of(stored | {setting.key: value})

            def effect(affects: Affects) -> Effect:
                statement = affects.statement_of(before.values[setting.key], after.values[setting.key])
                counted = affects.counted and count(session, affects.counted, self._clock(), before, after)
                return Effect(affects, statement, counted)

            effects = [effect(each) for each in setting.affects if after != before]
        return Forecast(setting.key, stored.get(setting.key, setting.default), value, effects)
