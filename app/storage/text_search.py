"""Looking for a part of a text in a column, whatever its case.

SQLite, and PostgreSQL in some locales, see that letters are the same in ASCII only: others are looked for in each case
that people write them in.
"""

import re
import string
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, and_, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlalchemy.sql.functions import FunctionElement

from app.domain.text import in_nfc, in_nfd

_PLAIN = re.compile(r"[\x20-\x7e]{2,}")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LITERALLY = str.maketrans({each: f"/{each}" for each in "/%_"})


def has_part(column: SQLCoreOperations[Any], part: str, *, is_in_nfc: bool = False) -> ColumnElement[bool]:
    """Whether the column holds this part. `is_in_nfc`: all that is stored is, so that less is to be looked for."""
    if part.isascii():
        return _has_ascii(column, part)
    found = or_(*(column.icontains(each, autoescape=True) for each in _spellings(part, is_in_nfc)))
    plain = max(_PLAIN.findall(in_nfc(part)), key=len, default="")
    # All spellings have this in common. To look for it first takes a quarter of the time, because few rows have it.
    return and_(_has_ascii(column, plain), found) if plain else found


class _LikeAscii(FunctionElement[bool]):
    """LIKE whatever the case of letters of ASCII. Arguments: the column, and a pattern in lower case."""

    type = Boolean()
    inherit_cache = True


@compiles(_LikeAscii, "sqlite")
def _on_sqlite(element: _LikeAscii, compiler: SQLCompiler, **options: Any) -> str:
    """It is so by itself: https://sqlite.org/lang_expr.html#like."""
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} LIKE {pattern} ESCAPE '/'"


@compiles(_LikeAscii, "postgresql")
def _on_postgresql(element: _LikeAscii, compiler: SQLCompiler, **options: Any) -> str:
    """Half of the time of ILIKE, which asks the locale about each letter."""
    column, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"lower({column} COLLATE \"C\") LIKE {pattern} ESCAPE '/'"


def _has_ascii(column: SQLCoreOperations[Any], part: str) -> ColumnElement[bool]:
    pattern = f"%{part.translate(_LOWER).translate(_LITERALLY)}%"
    return _LikeAscii(column, literal(pattern, Text()))


def _spellings(part: str, is_in_nfc: bool) -> list[str]:
    """What to look for. Names of earlier releases are not in NFC; one that was typed in parts is in NFD."""
    cases = (in_nfc(part), part.lower(), part.upper(), part.title())
    forms = (in_nfc,) if is_in_nfc else (in_nfc, in_nfd)
    return sorted({spell(each) for each in cases for spell in forms})
