"""Every command of the README and of ``docs/``, run as it stands: what is shown works, and prints what is shown."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import delete

from app.domain.identity import ApiTokens, Role
from app.http.context import parts
from app.services import Services
from app.storage.tables import InstanceSettingRow
from config import Settings
from tests.databases import CHEAPEST_COST, KEYS, SqliteFiles, application, connected
from tests.drivers.documents import PAGES, ROOT, RUN, Block, blocks, matches
from tests.drivers.server import LiveServer
from tests.drivers.shell import Shell
from tests.factories import PASSWORD, issue, make_user, mint, set_api_tokens

ADDRESS = "127.0.0.1:8080"
"""What the pages call Daypass. Only the port differs: this one may be taken on this machine."""

TO_RUN = {page: [each for each in blocks(page) if each.language in RUN and not each.exempt] for page in PAGES}

CURL = "fail-with-body\nsilent\nshow-error\n"
"""A call that is refused ends the script."""


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Manual:
    """Where pages are run: each in a folder of its own, with the users admin and anna and a token of anna's.

    A page whose commands name Daypass's address shares one instance, which is served, with others; every other page has
    its own, which is not.
    """

    def __init__(self, folder: Path, files: SqliteFiles, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._tokens: dict[Path, dict[str, str]] = {}
        self._template = folder / "template"
        self._template.mkdir(mode=0o700)
        self._server: LiveServer | None = None
        self._fill(stack.enter_context(files.fresh(self._template)))
        shell = folder / "shell"
        shell.mkdir()
        self._shell = stack.enter_context(Shell(shell))
        self._shell.run("daypass init", folder, self._environment(self._template))

    def _fill(self, url: str) -> None:
        (key,) = KEYS.token_keys.items()
        keys = self._template / "keys.env"
        keys.write_text(f"DAYPASS_TOKEN_KEYS={key[0]}:{key[1].hex()}\nDAYPASS_PASSWORD_PEPPER={KEYS.pepper.hex()}\n")
        keys.chmod(0o600)
        settings = Settings(
            instance=str(self._template), database_url=url, bcrypt_cost=CHEAPEST_COST, log_level="ERROR"
        )
        with application(settings) as app:
            services: Services = parts(app).services
            make_user(services, "admin", Role.SERVER_ADMIN, PASSWORD)
            anna = make_user(services, "anna", Role.VIEWER, PASSWORD, email="anna@example.com")
            set_api_tokens(services, anna.username, ApiTokens.ALLOW)
            for page in PAGES:
                refresh = issue(services, anna)
                access = mint(services, refresh)
                self._tokens[page] = {
                    "USER_ID": str(anna.id), "REFRESH_TOKEN": refresh.secret, "TOKEN": access.secret,
                    "PUBLIC_ID": refresh.token.public_id,
                }  # fmt: skip

    def _environment(self, instance: Path) -> dict[str, str]:
        return {
            "DAYPASS_INSTANCE": str(instance), "DAYPASS_BCRYPT_COST": "10", "PASSWORD": PASSWORD,
            "DAYPASS_ADMIN_PASSWORD": PASSWORD,
        }  # fmt: skip

    def served(self) -> LiveServer:
        """The server, started for the first page that needs it."""
        if self._server is None:
            shutil.copytree(self._template, self._folder / "served")
            url = f"sqlite:///{self._folder / 'served' / 'daypass.db'}"
            self._server = self._stack.enter_context(LiveServer(url, self._folder / "served", workers=1))
        return self._server

    def run(self, page: Path) -> None:
        """Run the blocks of a page one after the other, and compare what they print."""
        to_run = TO_RUN[page]
        folder = self._folder / _name(page).replace("/", "-")
        folder.mkdir()
        (folder / ".curlrc").write_text(CURL)
        (folder / "typed").write_text(f"{PASSWORD}\n")
        address, instance = self._instance(to_run, folder)
        script = "".join(_step(folder, number, each, address) for number, each in enumerate(to_run))
        done = self._shell.run(script, folder, self._tokens[page] | self._environment(instance))
        last = int(done.stdout.split()[-1])
        told = f"{to_run[last].place} failed:\n{to_run[last].code}\n{_output(folder, last)}{done.stderr}"
        assert done.returncode == 0, told
        for number, each in enumerate(to_run):
            printed = _output(folder, number).replace(address, ADDRESS)
            assert each.prints is None or matches(each.prints, printed), f"{each.place} prints:\n{printed}"
        self._put_back()

    def _instance(self, to_run: list[Block], folder: Path) -> tuple[str, Path]:
        """The address at which the page's instance is served, if it is, and its folder."""
        if any(ADDRESS in each.code for each in to_run):
            server = self.served()
            return f"127.0.0.1:{server.port}", server.folder
        shutil.copytree(self._template, folder / "instance")
        return ADDRESS, folder / "instance"

    def _put_back(self) -> None:
        """The instance settings, for the next page."""
        if self._server is not None:
            with connected(self._server.environment["DAYPASS_DATABASE_URL"]) as database:
                with database.transaction() as session:
                    session.execute(delete(InstanceSettingRow))


def _step(folder: Path, number: int, block: Block, address: str) -> str:
    """The lines of the script that run a block; all of a page share the shell, and so its variables."""
    code = block.code.replace(ADDRESS, address)
    if block.language == "python":
        (folder / f"{number}.py").write_text(code, encoding="utf-8")
        code = f"python {number}.py\n"
    return f"echo step {number}\n{{\n{code}}} < typed > {number}.out 2>&1\n"


def _output(folder: Path, number: int) -> str:
    return (folder / f"{number}.out").read_text(errors="replace")


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory, sqlite_files: SqliteFiles) -> Iterator[Manual]:
    with ExitStack() as stack:
        yield Manual(tmp_path_factory.mktemp("manual"), sqlite_files, stack)


@pytest.mark.parametrize("page", [page for page, to_run in TO_RUN.items() if to_run], ids=_name)
def test_the_commands_of_a_page_work_and_print_what_it_shows(page: Path, manual: Manual) -> None:
    manual.run(page)


def test_the_example_of_the_readme_is_one_that_can_be_pasted() -> None:
    (example,) = (each for each in TO_RUN[ROOT / "README.md"] if each.language == "python")
    assert f"http://{ADDRESS}" in example.code and example.code.count("\n") <= 10
    assert re.search(r"'username': 'admin'", example.prints or "")


def test_output_that_differs_is_noticed() -> None:
    assert matches("ID  …\n…\n2   b\n", "ID  NAME   \n1   a\n2   b\n") and matches("…\n", "")
    assert not matches("a\nb\n", "a\n") and not matches("a\n", "a\nb\n") and not matches("a.c\n", "abc\n")
