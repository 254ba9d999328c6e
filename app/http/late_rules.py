"""Rules of routes whose addresses are compiled when they are first built.

Werkzeug compiles two functions for each rule at the start, a fifth of the time in which the application is created, and
most of them are never called.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class LateRule(Rule):
    """A rule as Werkzeug's, whose address is compiled when ``url_for`` first needs it.

    It replaces a method that Werkzeug does not document: a release that does not call it compiles early again.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        return LateRule._first_build_unknown if append_unknown else LateRule._first_build

    def _first_build(self, /, **values: Any) -> tuple[str, str]:
        self._build = self._compiled(False)
        return self._build(**values)

    def _first_build_unknown(self, /, **values: Any) -> tuple[str, str]:
        self._build_unknown = self._compiled(True)
        return self._build_unknown(**values)

    def _compiled(self, append_unknown: bool) -> Builder:
        builder: Builder = super()._compile_builder(append_unknown).__get__(self, None)
        return builder
