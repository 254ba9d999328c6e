"""The text of a list's search box. Not here: what it means (``app.domain.token_search`` and its like)."""

from collections.abc import Mapping

from app.domain.text import normal_text
from app.domain.token_search import refuse_secret_search

SEARCH = "q"
"""The field."""


def searched(form: Mapping[str, str]) -> str | None:
    """The text in NFC; None where it is empty. Refuses with BadRequest a secret, and what no list can hold."""
    text = form.get(SEARCH, "").strip()
    refuse_secret_search(text)
    return normal_text("search", text, name="The search") or None
