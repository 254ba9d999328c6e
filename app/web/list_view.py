"""What a list's page shows besides its rows: addresses of filters, order and pages, and how many rows there are."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import abort, redirect, request

from app.domain.masking import mask
from app.domain.text import count_of

SIZES = (25, 50, 100)
ONE_PAGE_ONLY = ("cursor",)
"""Parameters of one page of a list."""

OF_AN_ACT = ("done",)
"""Parameters of the message after an act; its numbers begin with this word and a hyphen."""


@dataclass
class ListView:
    """What a template needs to know of a list besides its rows.

    `parameters`: of the request, masked, without empty ones. `default_sort`: a column with a hyphen before it for the
    last first. `total`: rows that match. `first`: the number of the first row on this page, from 1; `shown`: rows on
    it. `newer`, `older`: addresses of the pages beside it, empty where there is none.
    """

    path: str
    parameters: dict[str, str]
    default_sort: str
    default_size: int = SIZES[0]
    sizes: tuple[int, ...] = SIZES
    total: int = 0
    first: int = 1
    shown: int = 0
    newer: str = ""
    older: str = ""

    @classmethod
    def of_request(cls, default_sort: str) -> "ListView":
        """The view that this request asks for; a redirect where a browser sent the empty fields of a form too."""
        given = {name: mask(value) for name, value in request.args.items() if value and not is_of_an_act(name)}
        view = cls(request.script_root + request.path, given, default_sort)
        if "" in request.args.values():
            abort(redirect(view.here, 302))
        return view

    def value(self, name: str) -> str:
        """A parameter; empty without it."""
        return self.parameters.get(name, "")

    @property
    def per_page(self) -> int:
        given = self.value("per_page")
        return int(given) if given in {str(each) for each in self.sizes} else self.default_size

    @property
    def sort(self) -> str:
        """The column."""
        return (self.value("sort") or self.default_sort).removeprefix("-")

    @property
    def direction(self) -> str:
        """Of the order, as ``aria-sort`` names it."""
        return "descending" if (self.value("sort") or self.default_sort).startswith("-") else "ascending"

    def sorted_by(self, column: str) -> str:
        """The address of the list by this column; a second time, the other way round."""
        is_reversed = self.sort == column and self.direction == "ascending"
        chosen = f"-{column}" if is_reversed else column
        return self.address(sort="" if chosen == self.default_sort else chosen)

    def address(self, **changes: str) -> str:
        """The first page of the list with these parameters changed; an empty value removes one."""
        return self._address(self._first_page() | changes)

    def page(self, cursor: str | None) -> str:
        """The page of the same list that begins at a cursor; empty for None."""
        return "" if cursor is None else self._address(self._first_page() | {"cursor": cursor})

    def of_rows(self, total: int, first: int, shown: int, newer: str | None, older: str | None) -> "ListView":
        """With what is known of this page; `newer` and `older` are cursors."""
        return replace(self, total=total, first=first, shown=shown, newer=self.page(newer), older=self.page(older))

    def without(self, names: Iterable[str]) -> str:
        """The address without these parameters."""
        return self.address(**dict.fromkeys(names, ""))

    def without_secrets(self) -> "ListView":
        """Without the parameters in which a secret was masked: no address of the page holds a part of one."""
        sent = request.args
        kept = {name: value for name, value in self.parameters.items() if sent.get(name) == value}
        return replace(self, parameters=kept)

    @property
    def here(self) -> str:
        """This page of the list, to come back to."""
        return self._address(self.parameters)

    def kept(self, names: Collection[str]) -> list[tuple[str, str]]:
        """What a form that has fields of these names keeps in hidden ones."""
        return [(name, value) for name, value in self._first_page().items() if name not in names]

    def range_of(self, noun: str) -> str:
        """Such as "1-25 of 1,471 tokens"."""
        if not self.is_long:
            return count_of(self.total, noun)
        return f"{self.first:,}\u2013{self.first + self.shown - 1:,} of {count_of(self.total, noun)}"

    @property
    def is_long(self) -> bool:
        """Whether one page of the smallest size does not hold it."""
        return self.total > min(self.sizes)

    def _first_page(self) -> dict[str, str]:
        return {name: value for name, value in self.parameters.items() if name not in ONE_PAGE_ONLY}

    def _address(self, parameters: dict[str, str]) -> str:
        query = urlencode([(name, value) for name, value in parameters.items() if value])
        return f"{self.path}?{query}" if query else self.path


def is_of_an_act(name: str) -> bool:
    """Whether a parameter is about the message after an act."""
    return name in OF_AN_ACT or name.startswith(tuple(f"{each}-" for each in OF_AN_ACT))
