"""Looking for a part of a text in a column, whatever its case.

SQLite, and PostgreSQL in some locales, see that letters are the same in ASCII only: others are looked for in each case
that people write them in.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.sql.elements import SQLCoreOperations

from app.domain.text import in_nfc, in_nfd

_PLAIN = re.compile(r"[\x20-\x7e]{2,}")


def has_part(column: SQLCoreOperations[Any], part: str, *, is_in_nfc: bool = False) -> ColumnElement[bool]:
    """Whether the column holds this part. `is_in_nfc`: all that is stored is, so that less is to be looked for."""
    found = or_(*(column.icontains(each, autoescape=True) for each in _spellings(part, is_in_nfc)))
    plain = max(_PLAIN.findall(in_nfc(part)), key=len, default="")
    if part.isascii() or not plain:
        return found
    # All spellings have this in common. To look for it first takes a quarter of the time, because few rows have it.
    return and_(column.icontains(plain, autoescape=True), found)


def _spellings(part: str, is_in_nfc: bool) -> list[str]:
    """What to look for. Names of earlier releases are not in NFC; one that was typed in parts is in NFD."""
    if part.isascii():
        return [part]
    cases = (in_nfc(part), part.lower(), part.upper(), part.title())
    forms = (in_nfc,) if is_in_nfc else (in_nfc, in_nfd)
    return sorted({spell(each) for each in cases for spell in forms})
