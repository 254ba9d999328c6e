"""Members that are never converted: a boolean is a boolean and a whole number a whole number.

A query has text only: there a boolean is ``true`` or ``false``, a number its decimal digits. Not here: a dialect's own
types (its ``schemas``).
"""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields

DIGITS = re.compile(r"[0-9]{1,18}")
"""A number in a query; a longer one is none that exists here."""

WORDS = {"true": True, "false": False}
"""In any case: Python's ``requests`` writes ``True``."""


class Whole(fields.Integer):
    """A whole number. marshmallow would take ``1.9``, ``"7"`` and ``1e3``."""

    def __init__(self, *, in_query: bool = False, **options: Any) -> None:
        self.in_query = in_query
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if self.in_query:
            is_whole = isinstance(value, str) and DIGITS.fullmatch(value) is not None
        else:
            is_whole = type(value) is int
        if not is_whole:
            raise self.make_error("invalid")
        return int(value)


class Flag(fields.Boolean):
    """A boolean. marshmallow would take ``0``, ``"no"`` and ``"off"``."""

    def __init__(self, *, in_query: bool = False, **options: Any) -> None:
        self.in_query = in_query
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if self.in_query:
            found = WORDS.get(value.lower()) if isinstance(value, str) else None
        else:
            found = value if isinstance(value, bool) else None
        if found is None:
            raise self.make_error("invalid")
        return found
