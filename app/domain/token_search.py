"""The text of a search for tokens: which public ids and UUIDs it can mean, and the refusal of secrets.

A search finds parts of names, and of the owner's user name and e-mail address; of a public id only from
``LEAST_OF_ID`` characters on, because shorter ones are in the ids of many tokens by chance.
"""

import re
from typing import NamedTuple

from app.domain.errors import BadRequest
from app.domain.handles import public_id_in
from app.domain.masking import holds_secret
from app.domain.secrets import PUBLIC_ID_LENGTH
from app.domain.text import normal_text

LEAST_OF_ID = 4

IS_SECRET = (
    "This is the secret of a token. A search does not look for it, because it becomes part of an address, which "
    "browsers and logs keep. Paste it at Identify, or search for its public id: the 12 characters before the last _."
)

_CUT = r"(?:…|\.{3})?"
"""Pages show the beginning of token text so."""

_BEGINNING = re.compile(rf"[a-z]{{1,12}}[ra]_([a-z0-9]{{1,{PUBLIC_ID_LENGTH}}}){_CUT}")
_PART = re.compile(rf"([a-z0-9]{{{LEAST_OF_ID},{PUBLIC_ID_LENGTH}}}){_CUT}")
_UUID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f-]{0,27})?)")


class PublicIdPart(NamedTuple):
    """Lower-case letters and digits. `is_start`: of the public id; else anywhere in it."""

    text: str
    is_start: bool


def public_id_part(search: str) -> PublicIdPart | None:
    """What of a public id the text is: with or without the instance's prefix, or the beginning of token text."""
    if whole := public_id_in(search):
        return PublicIdPart(whole, True)
    text = search.lower()
    for pattern, is_start in ((_BEGINNING, True), (_PART, False)):
        if match := pattern.fullmatch(text):
            return PublicIdPart(match[1], is_start)
    return None


def uuid_start(search: str) -> str | None:
    """The start of a token id of Preferences and the v4 API, from 8 digits on."""
    match = _UUID.fullmatch(search.lower())
    return None if match is None else match[1]


def normal_search(text: str) -> str | None:
    """A search as it was typed, in NFC; None where it is empty.

    Refuses with BadRequest as :func:`refuse_secret_search` and :func:`normal_text`: databases take no U+0000.
    """
    typed = text.strip()
    refuse_secret_search(typed)
    return normal_text("search", typed, name="The search") or None


def refuse_secret_search(search: str) -> None:
    """Refuse with BadRequest (field ``search``) text that holds a secret."""
    if holds_secret(search):
        raise BadRequest(IS_SECRET, {"search": [IS_SECRET]})
