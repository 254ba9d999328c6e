"""What werkzeug compiles for each route of an application, compiled once for all applications of a test run.

Two thirds of the time that ``create_app`` takes go into functions that build URLs, two for each of some two hundred
routes: the same ones each time, for hundreds of applications.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]

_compile = Rule._compile_builder
_compiled: dict[tuple[Any, ...], Builder] = {}


def _remembered(rule: Rule, append_unknown: bool = True) -> Builder:
    """All that a builder is made from is its key; the rule itself, whose converters it uses, is its first argument."""
    made_from = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if made_from not in _compiled:
        _compiled[made_from] = _compile(rule, append_unknown)
    return _compiled[made_from]


def compile_once() -> None:
    """From now on, in this process."""
    Rule._compile_builder = _remembered  # type: ignore[method-assign]
