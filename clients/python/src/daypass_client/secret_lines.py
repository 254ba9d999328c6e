"""A refresh token in a file with ``NAME=value`` lines: find its secret, and put another in its place, and only that."""

import re

from daypass_client.secrecy import Secret, public_id_of

UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""By byte order mark, which these codecs leave in the text, so that it stays in the file."""

_LINE = re.compile(
    r"(?:\A\ufeff?|(?<=[\r\n]))[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*=[ \t]*"
    r"(?P<quote>['\"]?)(?P<secret>[a-z]{1,12}r_[a-z0-9]{12}_[0-9A-Za-z]{49})(?P=quote)(?=\s|\Z)"
)


def secret_in(content: bytes, public_id: str) -> Secret | None:
    """The secret of this refresh token; None if no line has one, or lines have different ones."""
    text, _ = _text(content)
    found = {each["secret"] for each in _LINE.finditer(text) if public_id_of(each["secret"]) == public_id}
    return Secret(found.pop()) if len(found) == 1 else None


def with_secret(content: bytes, old: Secret, new: Secret) -> bytes:
    """The content with `new` for `old` in each line that has it; everything else stays, byte for byte."""
    text, encoding = _text(content)
    parts, end = [], 0
    for each in _LINE.finditer(text):
        if each["secret"] == old:
            parts += [text[end : each.start("secret")], new]
            end = each.end("secret")
    return "".join((*parts, text[end:])).encode(encoding)


def _text(content: bytes) -> tuple[str, str]:
    """The text with its byte order mark, and its encoding; Latin-1 for what is no UTF, so that other lines survive."""
    for encoding in (UTF_16.get(content[:2], "utf-8"), "utf-8", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.encode(encoding) == content:
            return text, encoding
    raise AssertionError("Latin-1 has all bytes")
