"""Python imports this when it starts: ``datetime.now`` and ``time.time`` show what FALSE_CLOCK_FILE says.

Only Python's own clock; that of files, databases and other programs stays right. ``time.monotonic`` does as well.
"""

import datetime
import os
import time
from pathlib import Path

_FILE = Path(os.environ["FALSE_CLOCK_FILE"])
_real_datetime, _real = datetime.datetime, vars(time).copy()


def _seconds_ahead():
    return int(_FILE.read_text())


class _Type(type(_real_datetime)):
    """What C code makes is an instance too."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _real_datetime)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, _real_datetime)


class _FalseDatetime(_real_datetime, metaclass=_Type):
    @classmethod
    def now(cls, tz=None):
        return _real_datetime.now(tz) + datetime.timedelta(seconds=_seconds_ahead())

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)


_FalseDatetime.__name__ = _FalseDatetime.__qualname__ = "datetime"
datetime.datetime = _FalseDatetime
vars(time)["time"] = lambda: _real["time"]() + _seconds_ahead()
vars(time)["time_ns"] = lambda: _real["time_ns"]() + _seconds_ahead() * 10**9
