"""What is wrong with text that should be a refresh token, said before it is sent.

Only mistakes that no server's token can be: those of Alation may have any form. Daypass itself recognises more, and
says so in its answer.
"""

import re

_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_TOKEN = re.compile(r"[a-z]{1,12}([ra])_[a-z0-9]{12}_[0-9A-Za-z]{49}(?![0-9A-Za-z])")
_ID = re.compile(
    r"[a-z]{1,12}[ra]_[a-z0-9]{12}(?:_(?:<hidden>|\u2026|\.{3}|\*+)?)?|(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{12}"
)
_PLACEHOLDER = re.compile(
    r"none|null|undefined|nil|change[-_]?me|todo|x{3,}|\*{3,}|<[^<>]*>|\[[^\[\]]*\]|\$\w+|%\w+%|\$?\{.*\}|\$\(.*\)"
    r"|(?:my|your|insert|paste|replace)[-_][-_\w]*token[-_\w]*|(?:\w*_)?refresh_?token"
    r"|(?:[a-z]{1,12}[ra]_)?(?:\.{3}|\u2026|x{4,}|<[^<>]*>)",
    re.IGNORECASE,
)


def mistake_in(secret: str) -> str | None:
    """What is wrong and what to do, as a predicate of the setting; None if nothing is. Repeats no part of the text."""
    if secret[0] in _QUOTES or secret[-1] in _QUOTES:
        return "has quotation marks around it: remove them."
    if _PLACEHOLDER.fullmatch(secret):
        return "is a placeholder: put the refresh token in its place."
    if _ID.fullmatch(secret):
        return "is the id of a token: set it to the secret, which is shown once, when a refresh token is created."
    token = _TOKEN.search(secret)
    if token is not None and token[1] == "a":
        return "is an access token: set it to the refresh token."
    if token is not None and token[0] != secret and secret.isprintable():
        return "has other text around the token: set it to the refresh token alone."
    if " " in secret or not secret.isprintable():
        return "has white space or an invisible character in it: copy the refresh token again."
    return None
