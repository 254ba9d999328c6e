"""``python -m config``: writes what is derived from the settings, ``docs/settings.md`` and ``.env.example``.

A test compares the files with what this module says, so that neither can go stale.
"""

from dataclasses import fields
from pathlib import Path

from config.settings import Settings, variable

ROOT = Path(__file__).parent.parent


def settings_page() -> str:
    """The reference page of the deployment settings, in Markdown."""
    rows = ["| variable | default | range | what it is |", "|---|---|---|---|"]
    for each in fields(Settings):
        low, high, choices = (each.metadata[key] for key in ("low", "high", "choices"))
        span = f"{low} to {high}" if low is not None else ", ".join(choices)
        default = f"`{_shown(each.default)}`" if each.default != "" else ""
        rows.append(f"| `{variable(each)}` | {default} | {span} | {each.metadata['help']} |")
    return (
        "# Deployment settings\n\n"
        "Environment variables, read once at start; a misspelt one is refused. This page is written by\n"
        "`make docs` from `config/settings.py`. Lifetimes and policies change at run time instead: `daypass conf`.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def example_env() -> str:
    """An environment file that states every default."""
    lines = ["# Every deployment setting with its default. Written by `make docs` from config/settings.py."]
    for each in fields(Settings):
        lines += ["", f"# {each.metadata['help']}", f"#{variable(each)}={_shown(each.default)}"]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    (ROOT / ".env.example").write_text(example_env(), encoding="utf-8")
