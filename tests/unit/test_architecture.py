"""The rules of the house that the source alone shows: small modules, small functions, names with a meaning."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MODULES = {path.relative_to(ROOT): path for folder in ("app", "config") for path in (ROOT / folder).rglob("*.py")}
SOURCES = {str(name): path.read_text(encoding="utf-8") for name, path in MODULES.items()}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}

LONGEST_MODULE = 260
LONGEST_FUNCTION = 45
WORDS_WITHOUT_MEANING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "base"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_modules_and_functions_are_small() -> None:
    assert {"app/domain/tokens.py", "app/__init__.py", "config/keys.py"} <= set(SOURCES), "nothing would be measured"
    modules = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    functions = {
        f"{name}: {node.name}": (node.end_lineno or 0) - min(line.lineno for line in (node, *node.decorator_list)) + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    }
    assert {name: lines for name, lines in modules.items() if lines > LONGEST_MODULE} == {}
    assert {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION} == {}


def test_a_module_begins_with_what_it_is_about() -> None:
    openings = {name: (ast.get_docstring(tree) or "-").splitlines()[0].rstrip() for name, tree in TREES.items()}
    assert [name for name, opening in openings.items() if not opening.endswith((".", ":", "?", "::"))] == []


def test_no_name_is_a_word_without_meaning() -> None:
    words = {name: {word for part in name.with_suffix("").parts for word in part.split("_")} for name in MODULES}
    assert [name for name, found in words.items() if found & WORDS_WITHOUT_MEANING] == []
