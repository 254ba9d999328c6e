"""``daypass keys …``: which keys sign and verify, by id, and putting a new one in front."""

import json
from pathlib import Path

import pytest

from app.domain.identity import Role
from app.http.context import parts
from app.services import Services
from tests.factories import issue, make_user, mint, works
from tests.integration.cli.conftest import CommandLine


@pytest.fixture
def installed(installed: CommandLine) -> CommandLine:
    """With keys of its own."""
    assert installed.run("init").exit_code == 0
    return installed


@pytest.fixture
def keys_file(installed: CommandLine, tmp_path: Path) -> Path:
    return tmp_path / "instance" / "keys.env"


def services(installed: CommandLine) -> Services:
    """Of an application that starts now, as the next start of the server would."""
    return parts(installed.create()).services


def values(keys_file: Path) -> dict[str, str]:
    lines = [line for line in keys_file.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_a_new_key_verifies_before_it_signs(installed: CommandLine) -> None:
    """Or a process that was started again would sign what another does not know yet."""
    for number, ids in ((2, ("k2", "k1")), (3, ("k3", "k2", "k1"))):
        assert installed.json("keys", "rotate") == {"key": f"k{number}", "signs": False}
        assert set(services(installed).ring.ids) == set(ids) and services(installed).ring.ids[0] == ids[1]
        assert installed.json("keys", "rotate") == {"key": f"k{number}", "signs": True}
        assert services(installed).ring.ids == ids
    assert installed.text("keys", "rotate").startswith("k4 verifies after the next start.")
    assert installed.text("keys", "rotate").startswith("k4 signs after the next start.")


def test_after_a_rotation_the_new_key_signs_and_earlier_tokens_still_work(installed: CommandLine) -> None:
    assert installed.json("keys", "status") == [{"key": "k1", "signs": True, "active_tokens": 0}]
    before = services(installed)
    anna = make_user(before, "anna", Role.VIEWER)
    idle, used = issue(before, anna), issue(before, anna)
    mint(before, idle)
    access = mint(before, idle)
    heading, line = installed.text("keys", "status").splitlines()
    assert heading.split() == ["KEY", "SIGNS", "ACTIVE", "TOKENS"]
    assert line.split() == ["k1", "yes", "3"]
    for _ in range(2):
        installed.text("keys", "rotate")
    after = services(installed)
    assert after.verifier.verify(access.secret).user_id == anna.id
    assert works(after, idle)
    mint(after, used)
    issue(after, anna)
    assert installed.json("keys", "status") == [
        {"key": "k2", "signs": True, "active_tokens": 3},  # the one used moved to it, and two are new
        {"key": "k1", "signs": False, "active_tokens": 2},
    ]


def test_a_key_that_living_tokens_need_is_missed(installed: CommandLine, keys_file: Path) -> None:
    refresh = issue(services(installed), make_user(services(installed)))
    for _ in range(2):
        installed.text("keys", "rotate")
    kept = values(keys_file)
    new, _old = kept["DAYPASS_TOKEN_KEYS"].split(",")
    lines = [f"{name}={value}" for name, value in (kept | {"DAYPASS_TOKEN_KEYS": new}).items()]
    keys_file.write_text("\n".join(lines) + "\n")
    ended = installed.run("keys", "status", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)) == (
        1,
        [{"key": "k2", "signs": True, "active_tokens": 0}, {"key": "k1", "signs": None, "active_tokens": 1}],
    )
    assert ended.stderr == "Error: Active tokens are signed with a key that is missing: they do not work.\n"
    assert not works(services(installed), refresh)


def test_no_command_shows_a_key(installed: CommandLine, keys_file: Path) -> None:
    commands = ("init", "keys rotate", "keys rotate", "keys rotate --json", "keys status", "keys status --json", "conf")
    output = "".join(installed.run(*words.split()).output for words in commands)
    secrets = {part.split(":")[-1] for value in values(keys_file).values() for part in value.split(",")}
    assert len(secrets) == 4
    assert not any(secret in output for secret in secrets)
