"""What was typed into a form whose session had ended: sealed, for the browser to keep while its user signs in again.

It is for that user and that page alone, and fills in the form; nothing is sent by it. Not here: how the browser keeps
it, and filling in (``app.web.kept_forms``).
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.masking import holds_secret
from app.domain.seals import Seal

LONGEST = 3500
"""Characters, as browsers keep no cookie of more than 4,096 bytes. What is longer is not kept."""

MOST_BYTES = 64 * 1024
"""Of what a kept form holds when it is read again; a form is smaller."""

NEVER_KEPT = ("form_token", "form_id", "code", "current_code")
"""Beside all that is called a password or a secret: they belong to a session or to one showing of a form, or are used
up."""


@dataclass(frozen=True)
class KeptForm:
    """A form's address and what was typed, by name."""

    action: str
    fields: dict[str, str]


class KeptForms:
    """Seals and reads them. `key`: a secret of the instance. `page`: the path that shows the form."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, "kept form")

    def pack(self, user_id: int, page: str, action: str, fields: Mapping[str, str]) -> str | None:
        """The text to keep, without passwords and secrets; None where it is too long."""
        kept = {name: value for name, value in fields.items() if _may_be_kept(name, value)}
        packed = zlib.compress(json.dumps([action, kept]).encode(), 9)
        text = base64.urlsafe_b64encode(packed).decode()
        return None if len(text) > LONGEST else f"{text}.{self._seal.of(str(user_id), page, text)}"

    def unpack(self, text: str, user_id: int, page: str) -> KeptForm | None:
        """What was kept for this user and page; None for any other text."""
        packed, _, seal = text.partition(".")
        if not self._seal.fits(seal, str(user_id), page, packed):
            return None
        try:
            plain = zlib.decompressobj().decompress(base64.urlsafe_b64decode(packed), MOST_BYTES)
            action, fields = json.loads(plain)
        except (binascii.Error, zlib.error, ValueError):
            return None
        return KeptForm(action, fields)


def _may_be_kept(name: str, value: str) -> bool:
    is_private = "password" in name or "secret" in name
    return not is_private and name not in NEVER_KEPT and not holds_secret(value)
