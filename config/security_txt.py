"""What ``/.well-known/security.txt`` may hold (RFC 9116). No message repeats a value: it could hold a password."""

import re
from urllib.parse import urlsplit

# The characters of a URI (RFC 3986). A comma separates addresses: within one it is %2C.
URI = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+;=%-]+")
MAIL = re.compile(r"mailto:[^@:/?#]+@[^@:/?#]+(\?.*)?", re.IGNORECASE)
PHONE = re.compile(r"tel:\+[0-9().-]*[0-9]", re.IGNORECASE)
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
"""A tag of RFC 5646, as far as its form goes."""


def refuse_unusable(contacts: tuple[str, ...], policy: str, languages: tuple[str, ...]) -> None:
    """Raise ValueError, with the name of the variable, for what the file can't hold."""
    for contact in contacts:
        if not URI.fullmatch(contact) or not (MAIL.fullmatch(contact) or PHONE.fullmatch(contact) or _is_web(contact)):
            raise ValueError(
                "DAYPASS_SECURITY_CONTACT must be addresses such as mailto:security@example.com, "
                "https://example.com/report or tel:+1-201-555-0123, joined by commas"
            )
    if policy and not (URI.fullmatch(policy) and _is_web(policy)):
        raise ValueError("DAYPASS_SECURITY_POLICY must be an address that begins with https://")
    if policy and not contacts:
        raise ValueError("DAYPASS_SECURITY_POLICY needs a contact beside it: set DAYPASS_SECURITY_CONTACT")
    if not all(LANGUAGE.fullmatch(language) for language in languages):
        raise ValueError("DAYPASS_SECURITY_LANGUAGES must be tags such as en or de-CH, joined by commas")


def _is_web(address: str) -> bool:
    """Over TLS, and without a user name or a password."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
