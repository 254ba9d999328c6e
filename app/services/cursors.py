"""Cursors: where the next page of a list begins. Only this instance writes them, and each is for one list."""

import hmac
import re

from app.domain.errors import BadRequest
from app.domain.seals import Seal

SEAL_LENGTH = 16
"""Hexadecimal digits: the row's id is no secret; the seal refuses what was made up, changed or mixed up."""

LONGEST_KEY = 1_000
"""Hexadecimal digits of the value that a list is sorted by."""

CURSOR = re.compile(
    rf"([np]?[ra]?[0-9a-f]{{0,15}}(?:-[0-9a-f]{{1,15}}-[0-9a-f]{{0,{LONGEST_KEY}}})?)\.([0-9a-f]{{{SEAL_LENGTH}}})"
)


class Cursors:
    """Writes and reads them. `key`: a secret of the instance."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "cursor")

    def write(self, list_name: str, position: str | None) -> str | None:
        """The cursor of a position in that list; None for None."""
        return None if position is None else f"{position}.{self._of(list_name, position)}"

    def read(self, list_name: str, cursor: str | None) -> str | None:
        """The position; refuses with BadRequest a cursor that is not one of this list."""
        if cursor is None:
            return None
        match = CURSOR.fullmatch(cursor)
        if match is None or not hmac.compare_digest(match[2], self._of(list_name, match[1])):
            raise not_a_cursor()
        return match[1]

    def _of(self, list_name: str, position: str) -> str:
        return self._seal.of(list_name, position)[:SEAL_LENGTH]


def not_a_cursor() -> BadRequest:
    """The refusal of a cursor."""
    return BadRequest("The cursor is invalid: use one from a previous page.", {"cursor": ["Not a cursor."]})
