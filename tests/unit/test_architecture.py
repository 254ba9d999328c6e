"""The rules of the house that a reader can measure: small modules, small functions, words that say something.

Here belongs what is read from the source alone. Not here: the arrows of import (``lint-imports``) and the ban on
reading the clock (``ruff``), which fail the build by themselves.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted(path for folder in ("app", "config") for path in (ROOT / folder).rglob("*.py"))
LONGEST_MODULE = 260
LONGEST_FUNCTION = 45
WORDS_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "base"}

MODULE = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_there_is_something_to_measure() -> None:
    """A search that finds nothing would let everything pass."""
    assert {"app/domain/tokens.py", "app/__init__.py", "config/keys.py"} <= {str(p.relative_to(ROOT)) for p in MODULES}
    assert len(MODULES) > 50


@MODULE
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@MODULE
def test_a_module_opens_with_what_it_is_about(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said and said.splitlines()[0].rstrip().endswith((".", ":", "?", "::"))


@MODULE
def test_a_function_is_small(path: Path) -> None:
    long = {f"{name}: {lines}" for name, lines in _functions(path) if lines > LONGEST_FUNCTION}
    assert not long


@MODULE
def test_no_name_is_a_word_that_says_nothing(path: Path) -> None:
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.lower().split("_")}
    assert not words & WORDS_THAT_SAY_NOTHING


def _functions(path: Path) -> list[tuple[str, int]]:
    """Every function of a module with its lines, from its decorators to its end."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, Function)]
    return [(node.name, (node.end_lineno or 0) - min(_first_lines(node)) + 1) for node in found]


def _first_lines(node: Function) -> list[int]:
    return [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
