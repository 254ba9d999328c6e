"""Looking for a part of a text in a column, whatever its case.

SQLite, and PostgreSQL in some locales, see that letters are the same in ASCII only: others are looked for in each case
that people write them in.
"""

from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.sql.elements import SQLCoreOperations

from app.domain.text import in_nfc, in_nfd


def has_part(column: SQLCoreOperations[Any], part: str) -> ColumnElement[bool]:
    """Whether the column holds this part."""
    return or_(*(column.icontains(each, autoescape=True) for each in _spellings(part)))


def _spellings(part: str) -> list[str]:
    """What to look for. Texts of earlier releases are not in NFC; one that was typed in parts is in NFD."""
    if part.isascii():
        return [part]
    cases = (in_nfc(part), part.lower(), part.upper(), part.title())
    return sorted({spell(each) for each in cases for spell in (in_nfc, in_nfd)})
