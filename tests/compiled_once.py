"""What each application compiles, compiled once for all applications of a test run, of which there are hundreds.

Two thirds of the time that ``create_app`` takes go into functions that build URLs, two for each of some two hundred
routes; and the templates of all pages take five times as long as that.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2 import Environment
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]

_compile_builder = Rule._compile_builder
_builders: dict[tuple[Any, ...], Builder] = {}

_compile_template = Environment.compile
_templates: dict[tuple[Any, ...], CodeType] = {}


def _builder(rule: Rule, append_unknown: bool = True) -> Builder:
    """All that a builder is made from is its key; the rule itself, whose converters it uses, is its first argument."""
    made_from = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if made_from not in _builders:
        _builders[made_from] = _compile_builder(rule, append_unknown)
    return _builders[made_from]


def _template(environment: Environment, source: str, name: str | None = None, *more: Any, **also: Any) -> CodeType:
    """The code looks filters and globals up in the environment that runs it; these settings change the code itself."""
    made_from = (source, name, more, *also.values(), environment.trim_blocks, environment.lstrip_blocks)
    if made_from not in _templates:
        _templates[made_from] = _compile_template(environment, source, name, *more, **also)
    return _templates[made_from]


def compile_once() -> None:
    """From now on, in this process."""
    Rule._compile_builder = _builder  # type: ignore[method-assign]
    Environment.compile = _template  # type: ignore[method-assign, assignment]
