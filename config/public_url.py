"""``DAYPASS_PUBLIC_URL``: its one spelling, or why it is none. No message repeats it: it could hold a password."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")

SEGMENT = re.compile(r"[A-Za-z0-9_~.-]+")
"""The characters that no browser, proxy or cookie writes in another way: RFC 3986's unreserved ones."""


def normalized_url(text: str) -> str:
    """`text` with scheme and host in small letters, without the scheme's own port and without slashes at the end.

    Raises ValueError unless it is an http or https URL of a host and, perhaps, a path of unreserved characters.
    """
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("has a character that no URL has; write the name of a host with such letters as xn--…")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its own message repeats the text
        raise ValueError("is not a valid URL") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        raise ValueError("must begin with https:// (or http://) and the name of a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("must not have a query or a fragment")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has no valid port")
    shown_port = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{_host(parts)}{shown_port}{_path(parts.path)}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            address = None
        if address is None or address.scope_id:  # a zone means nothing to another machine
            raise ValueError("has no valid IPv6 address")
        return f"[{address}]"
    if not HOST_NAME.fullmatch(host):
        raise ValueError("has no valid name of a host")
    return host


def is_host(text: str) -> bool:
    """Whether it is the name of a host in small letters, or an IP address without a zone."""
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return HOST_NAME.fullmatch(text) is not None
    return getattr(address, "scope_id", None) is None


def _path(path: str) -> str:
    path = path.rstrip("/")
    for segment in path.split("/")[1:]:
        if not SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise ValueError("has a path with other characters than letters, digits, - . _ ~ and single slashes")
    return path
