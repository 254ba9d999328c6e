"""Token text: how it is made, recognised and digested.

``<prefix><r|a>_<public id: 12>_<secret: 43><checksum: 6>``. The public id may be logged and shown; it
authenticates nothing. The checksum refuses typing errors and made-up strings without touching the database.
Only a keyed digest (MAC) of the secret is ever stored. Not here: which tokens exist, and their state.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field, replace

from app.domain.tokens import TokenKind

PUBLIC_ID_LENGTH = 12
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
SECRET_BYTES = 32

_PUBLIC_ID_ALPHABET = string.ascii_lowercase + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KINDS = {kind.letter: kind for kind in TokenKind}

PUBLIC_ID = re.compile(rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}")
"""What a public id looks like."""

ANY_TOKEN_TEXT = re.compile(r"\b([a-z]{1,12}[ra]_[a-z0-9]{12})_[0-9A-Za-z]{49}(?![0-9A-Za-z])")
"""Finds token text of any prefix inside other text."""

# Laxer, for cleaning: text that is glued to something (``TOKEN%3Ddpa_…``) or was cut short has a secret in it too.
_ANY_SECRET = re.compile(r"([a-z]{1,12}[ra]_[a-z0-9]{12})_[0-9A-Za-z]{20,49}")


@dataclass(slots=True)  # not frozen: every check makes one, and that would take three times as long
class TokenText:
    """Token text that was recognised: its shape and checksum are right, nothing else is known yet."""

    kind: TokenKind
    public_id: str
    secret: str = field(repr=False)

    @classmethod
    def of_access(cls, public_id: str, secret: str) -> "TokenText":
        """An access token's."""
        return cls(TokenKind.ACCESS, public_id, secret)

    def with_secret(self, secret: str) -> "TokenText":
        """Another secret under the same handle."""
        return replace(self, secret=secret)

    def with_public_id(self, public_id: str) -> "TokenText":
        """The same secret under another handle: a regenerated token keeps its own."""
        return replace(self, public_id=public_id)


class TokenFormat:
    """Writes and recognises token text.

    `prefixes`: words of letters a-z; the first is issued, all are recognised, so that an instance can change
    its prefix while earlier tokens keep working.
    """

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefix = prefixes[0]
        # ASCII only and matched whole: exactly one spelling of each token is accepted.
        self._pattern = re.compile(
            rf"(?:{'|'.join(prefixes)})([ra])_([a-z0-9]{{{PUBLIC_ID_LENGTH}}})"
            rf"_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
        )

    def compose(self, token: TokenText) -> str:
        """The text a client is given."""
        body = f"{self._prefix}{token.kind.letter}_{token.public_id}_{token.secret}"
        return body + _checksum(body)

    def parse(self, text: str) -> TokenText | None:
        """What the text says, or None when it is not exactly a token text of this instance."""
        match = self._pattern.fullmatch(text)
        if match is None or _checksum(text[:-CHECKSUM_LENGTH]) != match[4]:
            return None
        return TokenText(_KINDS[match[1]], match[2], match[3])


def new_token_text(kind: TokenKind) -> TokenText:
    """A fresh public id and a fresh secret of 256 random bits."""
    public_id = _digits(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), _PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH)
    return TokenText(kind, public_id, encode_secret(secrets.token_bytes(SECRET_BYTES)))


def encode_secret(raw: bytes) -> str:
    """32 bytes as 43 characters of base62."""
    return _digits(int.from_bytes(raw), _BASE62, SECRET_LENGTH)


@dataclass(frozen=True)
class Mac:
    """What is stored of a secret: the digest and the id of the key that made it."""

    key_id: str
    digest: bytes = field(repr=False)


class KeyRing:
    """The keys that digest secrets: the first signs, all verify.

    `keys`: id to key, in order. They live outside the database, so that whoever reads or writes only the
    database can neither use nor plant a token.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        # A copy of a keyed digest costs less than mixing in the key at every check.
        self._keys = {key_id: _keyed(key) for key_id, key in keys.items()}
        self.current = next(iter(keys))
        self._unknown_key = _keyed(secrets.token_bytes(SECRET_BYTES))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def sign(self, token: TokenText) -> Mac:
        """The digest of a secret under the current key. The kind is part of it: tiers can't be exchanged."""
        return Mac(self.current, _digest(self._keys[self.current], token))

    def verifies(self, token: TokenText, key_id: str, digest: bytes) -> bool:
        """Whether `digest` is of this secret, compared in constant time.

        An unknown `key_id` costs the same time and is never true.
        """
        key = self._keys.get(key_id, self._unknown_key)
        return hmac.compare_digest(_digest(key, token), digest)

    def derive(self, key_id: str, *parts: str) -> str | None:
        """A secret that only whoever has this key and knows all of `parts` can make; None where the key is gone.

        None of the parts may hold a ``|``. What it rests on is in docs/reuse.md.
        """
        if key_id not in self._keys:
            return None
        return encode_secret(_mac(self._keys[key_id], "|".join(("reuse", *parts))))

    def verifies_nothing(self, token: TokenText) -> None:
        """Spend the time of a comparison, so that an unknown public id answers no sooner than a wrong secret."""
        hmac.compare_digest(_digest(self._unknown_key, token), b"\0" * SECRET_BYTES)


def without_secrets(text: str) -> str:
    """The text with each token text in it cut down to its public id."""
    return _ANY_SECRET.sub(r"\1_<hidden>", text)


def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def _mac(keyed: hmac.HMAC, message: str) -> bytes:
    copy = keyed.copy()
    copy.update(message.encode("ascii"))
    return copy.digest()


def _digest(keyed: hmac.HMAC, token: TokenText) -> bytes:
    return _mac(keyed, f"v1|{token.kind}|{token.public_id}|{token.secret}")


_PAIRS = [first + second for first in _BASE62 for second in _BASE62]


def _checksum(body: str) -> str:
    """Two digits at a time, because every check begins with this."""
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
