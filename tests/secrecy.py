"""Looking for secrets where none may be; the tests' passwords begin with one word, by which they are recognised."""

import re

PASSWORD_MARK = "pass-word"

TOKEN_TEXT = re.compile(r"[a-z]{1,12}[ras]_[a-z0-9]{12}_[0-9A-Za-z]{49}")
BARE_SECRET = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{43}(?:[0-9A-Za-z]{6})?(?![0-9A-Za-z])")


def secrets_in(text: str) -> list[str]:
    """The secrets that stand in `text`: whole tokens, bare secrets with or without checksum, passwords."""
    found = [match[0] for pattern in (TOKEN_TEXT, BARE_SECRET) for match in pattern.finditer(text)]
    return found + [PASSWORD_MARK] * text.count(PASSWORD_MARK)
