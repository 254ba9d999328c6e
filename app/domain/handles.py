"""A token's public id as people type or paste it: alone, or as pages and logs show it, with what stands around it."""

import re

_HANDLE = re.compile(r"(?:[a-z]{1,12}[ras]_)?([a-z0-9]{12})(?:_[0-9a-z]*)?(?:…|\.{3})?", re.ASCII | re.IGNORECASE)


def public_id_in(text: str) -> str | None:
    """The public id of ``dpr_3gr5lo7qmcxg…``, ``3gr5lo7qmcxg`` or what begins so with ``_``; None for other text."""
    match = _HANDLE.fullmatch(text.strip())
    return match[1].lower() if match else None
