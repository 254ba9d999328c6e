"""The clients of other languages: what each needs, where its packages come from, and how it is started.

The packages are pinned in the files beside each program, and arrive in ``build/clients`` from the registry that its own
tool is configured for.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "clients"

COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FETCHING_SECONDS = 300
OTHER_PACKAGES = ("DO NOT MATCH THE HASHES", "EINTEGRITY", "checksum mismatch")
"""In what pip, npm and go say."""

BY_CLIENT, BY_REFRESH_TOKEN = "client_credentials", "refresh_token"


class NotRun(Exception):
    """A tool is missing, or packages can't be fetched: says which."""


@dataclass(frozen=True)
class Language:
    """`fetch`, `build`: commands in `folder` of ``build/clients``. Only the first may fail for want of a network."""

    folder: str
    tools: Sequence[str]
    fetch: Sequence[Sequence[str]]
    build: Sequence[Sequence[str]] = ()

    @property
    def place(self) -> Path:
        return BUILD / self.folder

    def prepare(self) -> None:
        """Raises :class:`NotRun`, and AssertionError where the program itself does not compile."""
        missing = [tool for tool in self.tools if shutil.which(tool) is None]
        if missing:
            raise NotRun(f"there is no `{'`, no `'.join(missing)}` here")
        shutil.copytree(HERE / self.folder, self.place, dirs_exist_ok=True)
        for words in self.fetch:
            self._fetch(words)
        for words in self.build:
            done = _run(words, self.place)
            assert done.returncode == 0, f"{self.folder} does not compile:\n{done.stdout}{done.stderr}"

    def _fetch(self, words: Sequence[str]) -> None:
        try:
            done = _run(words, self.place)
        except subprocess.TimeoutExpired:
            raise NotRun(f"`{words[0]}` did not fetch its packages in {FETCHING_SECONDS} s") from None
        if done.returncode:
            lines = f"{done.stdout}\n{done.stderr}".splitlines()
            said = next((line.strip() for line in lines if "error" in line.lower()), f"exit code {done.returncode}")
            assert not any(word in done.stderr for word in OTHER_PACKAGES), f"other packages than the pinned: {said}"
            raise NotRun(f"its packages can't be fetched: {said[:200]}")


def _run(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=FETCHING_SECONDS, check=False)


GO = Language("go", ["go"], [["go", "mod", "download"]], [["go", "vet", "./..."], ["go", "build", "-o", "client", "."]])
NODE = Language(
    "node", ["node", "npm"], [["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]]
)
JAVA = Language(
    "java", ["java", "mvn"], [["mvn", "-q", "-B", "-Dstyle.color=never", COPY_JARS, "-DoutputDirectory=lib"]]
)
PYTHON = Language(
    "python", [], [
        [sys.executable, "-m", "venv", "--without-pip", "venv"],
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", "venv/bin/python",
         "install", "--require-hashes", "--requirement", "requirements.txt"],
    ],
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """One library. `pinned`: the file that names its version, and the pattern around that. `lives`: grant and client
    authentication of each life. `also`: what it does besides, `introspect` or `revoke`."""

    name: str
    language: Language
    run: Sequence[str]
    pinned: tuple[str, str]
    lives: Sequence[tuple[str, str]]
    also: frozenset[str] = field(default=frozenset())

    @property
    def title(self) -> str:
        file, pattern = self.pinned
        found = re.search(pattern, (HERE / self.language.folder / file).read_text())
        assert found, f"{file} does not name the version of {self.name}"
        return f"{self.name} {found[1]}"


BOTH = frozenset({"introspect", "revoke"})
USUAL = ((BY_CLIENT, "basic"), (BY_CLIENT, "post"), (BY_REFRESH_TOKEN, "basic"), (BY_REFRESH_TOKEN, "post"))
ALONE = (BY_REFRESH_TOKEN, "none")

PROGRAMS = (
    Program(
        "golang.org/x/oauth2", GO, ["./client"], ("go.mod", r"x/oauth2 v(\S+)"),
        ((BY_CLIENT, "unset"), *USUAL, ALONE),
    ),
    Program(
        "openid-client", NODE, ["node", "openid_client.mjs"], ("package.json", r'"openid-client": "(.*)"'),
        (*USUAL, ALONE), BOTH,
    ),
    Program(
        "oauth4webapi", NODE, ["node", "oauth4webapi.mjs"], ("package.json", r'"oauth4webapi": "(.*)"'),
        (*USUAL, ALONE), BOTH,
    ),
    Program(
        "Spring Security", JAVA, ["java", "-cp", "lib/*", "Life.java"], ("pom.xml", r"<spring-security.version>(.*)<"),
        USUAL, frozenset({"introspect"}),
    ),
    Program(
        "MCP SDK for TypeScript", NODE, ["node", "mcp.mjs"], ("package.json", r'"@modelcontextprotocol/sdk": "(.*)"'),
        [(BY_CLIENT, "basic")],
    ),
    Program(
        "MCP SDK for Python", PYTHON, ["venv/bin/python", "mcp_client.py"], ("requirements.in", r"mcp==(\S+)"),
        [(BY_CLIENT, "basic"), (BY_CLIENT, "post")],
    ),
)  # fmt: skip
