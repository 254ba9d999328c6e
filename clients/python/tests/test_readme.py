"""The README's examples and statements are correct."""

import re
from pathlib import Path

import daypass_client
from app.domain.tokens import Issued, RefreshToken
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass

FOLDER = Path(__file__).parent.parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_first_example_works_and_has_five_lines(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found is not None and found[1].count("\n") == 5
    output = processes.run(found[1], DAYPASS_URL=daypass.url, DAYPASS_REFRESH_TOKEN=refresh.secret)
    assert output == f"I am {daypass.services.accounts.by_id(refresh.token.user_id).username}\n"


def test_it_names_all_exceptions_and_no_others() -> None:
    table = README.partition("## What goes wrong")[2]
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", table)) - {"DaypassError"}
    exported = {name for name in daypass_client.__all__ if hasattr(getattr(daypass_client, name), "add_note")}
    assert named == exported - {"DaypassError"}


def test_the_client_does_not_import_the_server() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "src").rglob("*.py"))
    assert not re.search(r"^\s*(from|import) (app|config|tests|wsgi)\b", sources, re.MULTILINE)
