"""Previews of changes of instance settings. Not here: what a change affects (``app.domain.policy``)."""

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
    """`count`: how many of `affects.counted`; None where nothing is counted. `statement`: the sentences after it."""

    affects: Affects
    statement: str
    count: int | None

    @property
    def what(self) -> str:
        """What is counted, a plural noun."""
        counted = self.affects.counted
        return f"{counted.noun}s{' unaffected' if self.affects.is_unaffected else ''}" if counted else "nothing"


@dataclass(frozen=True)
class Forecast:
    """A setting's value before and after; no effects where it stays the same."""

    key: str
    before: str
    after: str
    effects: list[Effect]

    @property
    def sentences(self) -> list[str]:
        """The effects in words: the counts of all in one sentence, without those of which nothing is there to keep."""
        shown = [each for each in self.effects if each.count or not each.affects.is_unaffected]
        counts = [each.affects.counted.words(each.count or 0) for each in shown if each.affects.counted]
        verb = "Does not affect" if any(each.affects.is_unaffected for each in shown) else "Affects"
        statements = dict.fromkeys(each.statement for each in self.effects)
        return [*([f"{verb} {' and '.join(counts)}."] if counts else []), *statements]


class SettingEffects:
    """Previews changes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def preview(self, name: str, text: str) -> Forecast:
        """The effects of setting `name` to `text`. Refuses as :meth:`InstanceSettings.change`."""
        setting, value = parse_setting(name, text)
        now = self._clock()
        with self._database.reading() as session:
            stored = settings.stored(session)
            before, after = Policy.of(stored), Policy.of(stored | {setting.key: value})
            current = stored.get(setting.key, setting.default)
            is_lowered = setting.is_lowered(current, value)

            def effect(affects: Affects) -> Effect:
                new = after.values[setting.key]
                sentences = affects.statement_of(is_lowered=is_lowered), affects.example_of(new, now)
                counted = affects.counted and count(session, affects.counted, now, before, after)
                return Effect(affects, " ".join(filter(None, sentences)), counted)

            effects = [effect(each) for each in setting.affects if after != before]
        return Forecast(setting.key, current, value, effects)
