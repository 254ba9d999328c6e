"""How a setting is declared: as a field, from which parsing, refusals and documents derive."""

from dataclasses import Field, field, fields
from typing import Any


def setting(
    default: str | int | bool,
    help: str,
    *,
    low: int | None = None,
    high: int | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    verbatim: bool = False,
) -> Any:
    """A field. `secret`: a variable that ends in ``_FILE`` can name a file with it. `verbatim`: any text."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "secret": secret, "verbatim": verbatim}
    return field(default=default, repr=not secret, metadata=metadata)


def settings_of(declaring: type) -> "list[Field[Any]]":
    """The fields of a dataclass that are settings, in their order."""
    return [each for each in fields(declaring) if "help" in each.metadata]


def words_of(text: str) -> tuple[str, ...]:
    """What commas separate."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
