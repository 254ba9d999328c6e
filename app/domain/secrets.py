"""Token text: generating, parsing and digesting it.

``<prefix><r|a>_<public id: 12>_<secret: 43><checksum: 6>``. The public id may be logged and shown. The checksum refuses
mistyped and invented text without reading the database. Only a keyed digest (MAC) of the secret is stored.
"""

import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from app.domain.tokens import TokenKind

PUBLIC_ID_LENGTH = 12
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
SECRET_BYTES = 32

_PUBLIC_ID_ALPHABET = string.ascii_lowercase + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KINDS = {kind.letter: kind for kind in TokenKind}

PUBLIC_ID = re.compile(rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}")

ANY_TOKEN_TEXT = re.compile(r"\b([a-z]{1,12}[ras]_[a-z0-9]{12})_[0-9A-Za-z]{49}(?![0-9A-Za-z])")
"""Token text of any prefix within other text, also that of SCIM (``scim_tokens``)."""


class SecretText(Protocol):
    """What a digest covers: the secret, whose it is, and the kind that it is good for."""

    @property
    def kind(self) -> str: ...
    @property
    def public_id(self) -> str: ...
    @property
    def secret(self) -> str: ...


@dataclass(slots=True)  # not frozen: each check creates one, and that would take three times as long
class TokenText:
    """Parsed token text: its form and checksum are valid; the token may not exist."""

    kind: TokenKind
    public_id: str
    secret: str = field(repr=False)

    @classmethod
    def of_access(cls, public_id: str, secret: str) -> "TokenText":
        """The text of an access token."""
        return cls(TokenKind.ACCESS, public_id, secret)

    def with_secret(self, secret: str) -> "TokenText":
        """The same public id with another secret."""
        return replace(self, secret=secret)

    def with_public_id(self, public_id: str) -> "TokenText":
        """The same secret with another public id: regeneration keeps the public id."""
        return replace(self, public_id=public_id)


class TokenFormat:
    """Composes and parses token text. `prefixes`: of letters a-z; the first is issued, all are accepted."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefix = prefixes[0]
        # ASCII only and a full match: each token has exactly one accepted spelling.
        self._pattern = re.compile(
            rf"(?:{'|'.join(prefixes)})([ra])_([a-z0-9]{{{PUBLIC_ID_LENGTH}}})"
            rf"_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
        )
        self._beginnings_of = {kind: tuple(f"{prefix}{kind.letter}_" for prefix in prefixes) for kind in TokenKind}
        self._beginnings = tuple(f"{prefix}{letter}_" for prefix in prefixes for letter in _KINDS)
        self._beginning = re.compile(
            rf"(?<![0-9A-Za-z_-])(?:{'|'.join(prefixes)})([ra])_([^\s\"'`,;]*)", re.ASCII | re.IGNORECASE
        )

    def compose(self, token: TokenText) -> str:
        """The token text for the client."""
        body = f"{self._prefix}{token.kind.letter}_{token.public_id}_{token.secret}"
        return body + checksum(body)

    def parse(self, text: str) -> TokenText | None:
        """The parsed text; None where it is not exactly token text of this instance."""
        match = self._pattern.fullmatch(text)
        if match is None or checksum(text[:-CHECKSUM_LENGTH]) != match[4]:
            return None
        return TokenText(_KINDS[match[1]], match[2], match[3])

    def is_begun(self, text: str, kind: TokenKind) -> bool:
        """Whether the text begins as token text of that tier; much quicker to say than whether it is."""
        return text.startswith(self._beginnings_of[kind])

    def tokens_in(self, text: str) -> Iterator[tuple[int, int, TokenKind]]:
        """Start, end and tier of each token text of this instance within other text."""
        for match in self._pattern.finditer(text):
            if (token := self.parse(match[0])) is not None:
                yield *match.span(), token.kind

    def beginning_in(self, text: str) -> tuple[TokenKind, str] | None:
        """The tier of the first word that begins as token text of this instance, in any case, and what follows."""
        match = self._beginning.search(text)
        return None if match is None else (_KINDS[match[1].lower()], match[2])

    def parse_tail(self, text: str) -> TokenText | None:
        """The token whose text this is without its beginning: public id, secret and checksum; None where it is none."""
        return next(filter(None, (self.parse(beginning + text) for beginning in self._beginnings)), None)


def new_token_text(kind: TokenKind) -> TokenText:
    """A new public id and a new secret of 256 random bits."""
    return TokenText(kind, new_public_id(), encode_secret(secrets.token_bytes(SECRET_BYTES)))


def new_public_id() -> str:
    """Twelve random characters."""
    return _digits(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), _PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH)


def encode_secret(raw: bytes) -> str:
    """32 bytes as 43 characters of base62."""
    return _digits(int.from_bytes(raw), _BASE62, SECRET_LENGTH)


class Purpose(StrEnum):
    """What a derived secret is for: the first part of what it is derived from."""

    REUSE = "reuse"
    ROTATE = "rotate"


@dataclass(frozen=True)
class Mac:
    """The stored digest of a secret, and the id of its key."""

    key_id: str
    digest: bytes = field(repr=False)


class KeyRing:
    """The keys that digest secrets, by id in order: the first signs, all verify.

    They are not in the database, so that access to the database alone is not enough to use or plant a token.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        # Copying a keyed digest costs less than keying it at every check.
        self._keys = {key_id: _keyed(key) for key_id, key in keys.items()}
        self.current = next(iter(keys))
        self._unknown_key = _keyed(secrets.token_bytes(SECRET_BYTES))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def sign(self, token: SecretText) -> Mac:
        """The digest of a secret under the current key. It covers the kind, so that tiers cannot be exchanged."""
        return Mac(self.current, _digest(self._keys[self.current], token))

    def sign_with_each(self, token: TokenText) -> list[Mac]:
        """The digests of a secret under all keys."""
        return [Mac(key_id, _digest(key, token)) for key_id, key in self._keys.items()]

    def verifies(self, token: SecretText, key_id: str, digest: bytes) -> bool:
        """Whether `digest` is of this secret, in constant time; an unknown key takes the same time."""
        key = self._keys.get(key_id, self._unknown_key)
        return hmac.compare_digest(_digest(key, token), digest)

    def derive(self, key_id: str, purpose: Purpose, *parts: str) -> str | None:
        """A secret derived from this key and `parts`, none of which holds a ``|``; None where the key is gone.

        The reasoning is in docs/derived-secrets.md.
        """
        if key_id not in self._keys:
            return None
        return encode_secret(_mac(self._keys[key_id], "|".join((purpose, *parts))))

    def verify_dummy(self, token: SecretText) -> None:
        """Take the time of a comparison, so that an unknown public id is refused no faster than a wrong secret."""
        hmac.compare_digest(_digest(self._unknown_key, token), b"\0" * SECRET_BYTES)


def is_token_of_any_prefix(text: str) -> bool:
    """Whether the text is token text, of this instance or another."""
    return bool(ANY_TOKEN_TEXT.fullmatch(text)) and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]


def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def _mac(keyed: hmac.HMAC, message: str) -> bytes:
    copy = keyed.copy()
    copy.update(message.encode("ascii"))
    return copy.digest()


def _digest(keyed: hmac.HMAC, token: SecretText) -> bytes:
    return _mac(keyed, f"v1|{token.kind}|{token.public_id}|{token.secret}")


_PAIRS = [first + second for first in _BASE62 for second in _BASE62]


def checksum(body: str) -> str:
    """The end of token text. Two digits at a time: every check computes this."""
    rest, last = divmod(zlib.crc32(body.encode("ascii")), len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def _digits(number: int, alphabet: str, length: int) -> str:
    """The last `length` digits of a number, written in that alphabet."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(reversed(digits))
