"""The entries of ``X-Forwarded-For`` and of ``Forwarded`` (RFC 7239), from the nearest proxy's to the client's own.

They are read from the right: a client writes the left part, and whatever it writes there must not change how the right
part is read. Not here: which entry is believed (``proxies``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

UNIX_PEER = "unix:"
"""nginx's ``$remote_addr`` for the peers of a Unix socket."""

LONGEST_SHAPE = 60

LONGEST_KEPT = 100
"""Characters of an entry whose address is kept: a client may send thousands of many kilobytes."""

_PORT = r"(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?"  # a number, or obfuscated
_IN_BRACKETS = re.compile(rf"\[([^\[\]]*)\]{_PORT}")
_IPV4 = re.compile(rf"(\d+\.\d+\.\d+\.\d+){_PORT}")

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r'(?:[^\s",;\\]+|"(?:[^"\\]|\\.)*")'
_PAIR = re.compile(rf"[ \t]*({_TOKEN})=({_VALUE})[ \t]*(?:;|\Z)")
"""Wider than RFC 7239: some proxies forget the quotation marks around colons and brackets."""


@dataclass(frozen=True)
class Hop:
    """Whom a proxy had the request from. `address`: None for the peer of a Unix socket. `scheme`: if it says so."""

    address: Address | None
    scheme: str | None = None

    @property
    def is_unix(self) -> bool:
        return self.address is None


@dataclass(frozen=True)
class Unreadable:
    """An entry without an address. `kind`: empty, unknown, obfuscated or malformed.

    `shape`: its text with ``a`` for letters and ``9`` for digits, because a client may put a secret anywhere.
    """

    kind: str
    shape: str


def x_forwarded_for_hops(text: str) -> Iterator[Hop | Unreadable]:
    """The entries of ``X-Forwarded-For``, the last first."""
    for entry in reversed(text.split(",")):
        yield _hop(entry.strip().removeprefix('"').removesuffix('"'))


def forwarded_hops(text: str) -> Iterator[Hop | Unreadable]:
    """The elements of ``Forwarded``, the last first."""
    return map(_hop_of_element, _elements(text))


def parse_address(text: str) -> Address | None:
    """A plain address, without its zone, and as IPv4 where an IPv6 socket shows ``::ffff:192.0.2.1``."""
    return _kept_address(text) if len(text) <= LONGEST_KEPT else _read_address(text)


def _read_address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_kept_address = lru_cache(1024)(_read_address)


def _hop(node: str, scheme: str | None = None) -> Hop | Unreadable:
    """A node with or without a port: RFC 7239, section 6, and what proxies write into ``X-Forwarded-For``.

    An IPv6 address with a port but without brackets is none: ``2001:db8::1:443`` can be read in two ways.
    """
    if node == UNIX_PEER:
        return Hop(None, scheme)
    match = _IN_BRACKETS.fullmatch(node) or _IPV4.fullmatch(node)
    address = parse_address(match[1] if match else node)
    return _unreadable(node) if address is None else Hop(address, scheme)


def _unreadable(node: str) -> Unreadable:
    name = node.partition(":")[0].lower()
    is_obfuscated = name.startswith("_")
    kind = "empty" if not node else "obfuscated" if is_obfuscated else "unknown" if name == "unknown" else "malformed"
    shape = "".join("9" if each.isdigit() else "a" if not each.isascii() or each.isalpha() else each for each in node)
    return Unreadable(kind, "unknown" if kind == "unknown" else shape[:LONGEST_SHAPE])


def _elements(text: str) -> Iterator[str]:
    """Split at the commas outside quotation marks, the last element first.

    Of the marks on the right of a comma outside, an even number is not escaped: so an opening one that a client left
    without its end makes only the client's own elements unreadable.
    """
    end, is_quoted = len(text), False
    for match in re.finditer(r'[",]\\*', text[::-1]):  # a mark, with the backslashes in front of it
        at = len(text) - match.start() - 1
        if match[0][0] == '"':
            is_quoted ^= len(match[0]) % 2 == 1
        elif not is_quoted:
            yield text[at + 1 : end]
            end = at
    yield text[:end]


def _hop_of_element(element: str) -> Hop | Unreadable:
    """The node of an element's ``for``. Without it, or with anything that is no pair, it can't be read."""
    pairs: dict[str, str] = {}
    place = 0
    while place < len(element):
        match = _PAIR.match(element, place)
        if match is None or match[1].lower() in pairs:
            return _unreadable(element.strip())
        pairs[match[1].lower()] = _unquoted(match[2])
        place = match.end()
    scheme = pairs.get("proto", "").lower()
    return _hop(pairs.get("for", ""), scheme or None)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
