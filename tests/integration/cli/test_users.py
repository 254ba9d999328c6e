"""``daypass user …`` on both databases: accounts from the command line, and how passwords get in."""

import getpass
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.errors import BadCredentials, OwnerDisabled
from app.domain.identity import ApiTokens, Caller, Role
from app.services import Services
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import PASSWORD_MARK

MEMBERS = [
    "id", "username", "email", "first_name", "last_name", "title", "role", "is_active", "api_tokens",
    "created_at", "last_login_at",
]  # fmt: skip

NEW_PASSWORD = f"{PASSWORD_MARK}-that-is-new"


def signs_in(services: Services, username: str, password: str) -> bool:
    try:
        services.accounts.authenticate(username, password, Caller("", address="192.0.2.10"))
    except BadCredentials:
        return False
    return True


def test_a_user_is_added_with_role_and_profile(daypass: CommandLine, services: Services) -> None:
    words = ["--role", "steward", "--email", "anna@example.org", "--first-name", "Anna", "--title", "Steward"]
    said = daypass.text("user", "add", "Anna", *words, stdin=PASSWORD)
    anna = services.accounts.get("anna")
    assert said == f"Added anna with the user id {anna.id}.\n"
    assert (anna.role, anna.email, anna.first_name, anna.title) == (Role.STEWARD, words[3], "Anna", "Steward")
    assert signs_in(services, "anna", PASSWORD)


def test_a_user_can_be_added_without_a_password(daypass: CommandLine, services: Services) -> None:
    daypass.text("user", "add", "robot", "--no-password", stdin=PASSWORD)
    assert services.accounts.get("robot").role is Role.VIEWER
    assert not signs_in(services, "robot", PASSWORD)
    assert not signs_in(services, "robot", "")


def test_the_service_account_of_an_api_is_an_introspector(daypass: CommandLine, services: Services) -> None:
    """Made so, or made into one; what its token opened before, it no longer opens."""
    assert (
        daypass.json("user", "add", "orders-api", "--role", "introspector", "--no-password")["role"] == "INTROSPECTOR"
    )
    anna = make_user(services, "anna")
    access = mint(services, issue(services, anna))
    assert daypass.text("user", "set-role", "anna", "INTROSPECTOR") == "anna is INTROSPECTOR now.\n"
    assert services.verifier.verify(access.secret).role.may_introspect
    assert not services.verifier.verify(access.secret).role.may_use_apis
    assert daypass.text("user", "set-role", "anna", "viewer") == "anna is VIEWER now.\n"
    assert services.verifier.verify(access.secret).role.may_use_apis


def test_the_last_administrator_cannot_become_an_introspector(daypass: CommandLine, services: Services) -> None:
    make_user(services, "root", Role.SERVER_ADMIN)
    assert "last active administrator" in daypass.refusal("user", "set-role", "root", "introspector")


@pytest.mark.parametrize("role", list(Role))
def test_every_role_can_be_given_by_its_name_in_any_letter_case(
    daypass: CommandLine, services: Services, role: Role
) -> None:
    make_user(services, "anna")
    for spelling in (role.value, role.value.lower()):
        daypass.text("user", "set-role", "anna", spelling)
        assert services.accounts.get("anna").role is role
    assert "is not one of" in daypass.misuse("user", "set-role", "anna", f"{role.value}S")


def test_every_command_answers_with_the_same_members(daypass: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    from_file = ["--password-file", str(tmp_path / "password")]
    answers = [
        daypass.json("user", "add", "anna", *from_file),
        *daypass.json("user", "list"),
        daypass.json("user", "show", "anna"),
        daypass.json("user", "set-password", "anna", *from_file),
        daypass.json("user", "set-role", "anna", "composer"),
        daypass.json("user", "disable", "anna"),
        daypass.json("user", "enable", "anna"),
        daypass.json("user", "allow-tokens", "anna"),
        daypass.json("user", "deny-tokens", "anna"),
    ]
    assert [list(answer) for answer in answers] == [MEMBERS] * 9
    assert {answer["username"] for answer in answers} == {"anna"}
    last = answers[-1]
    assert (last["role"], last["is_active"], last["api_tokens"]) == ("COMPOSER", True, "deny")
    assert last["created_at"].endswith("Z") and last["last_login_at"] is None


def test_users_are_listed_in_order_of_name(daypass: CommandLine, services: Services) -> None:
    assert daypass.text("user", "list") == "None.\n"
    assert daypass.json("user", "list") == []
    make_user(services, "bert", email="bert@example.org")
    make_user(services, "anna", Role.SERVER_ADMIN)
    heading, *lines = daypass.text("user", "list").splitlines()
    assert heading.split() == ["ID", "USERNAME", "ROLE", "IS", "ACTIVE", "EMAIL", "LAST", "LOGIN", "AT"]
    assert [line.split()[1:] for line in lines] == [
        ["anna", "SERVER_ADMIN", "yes", "-"],
        ["bert", "VIEWER", "yes", "bert@example.org", "-"],
    ]
    assert [user["username"] for user in daypass.json("user", "list")] == ["anna", "bert"]


def test_a_user_is_shown_a_member_a_line(daypass: CommandLine, services: Services) -> None:
    make_user(services, "anna", email="anna@example.org")
    shown = dict(line.split(maxsplit=1) for line in daypass.text("user", "show", "ANNA").splitlines() if "@" in line)
    assert shown == {"email": "anna@example.org"}


def test_what_is_done_to_a_user_is_said_and_done(daypass: CommandLine, services: Services) -> None:
    anna = make_user(services, "anna")
    access = mint(services, issue(services, anna))
    assert daypass.text("user", "set-role", "anna", "explorer") == "anna is EXPLORER now.\n"
    assert services.verifier.verify(access.secret).role is Role.EXPLORER
    assert daypass.text("user", "disable", "anna").startswith("Disabled anna")
    with pytest.raises(OwnerDisabled):
        services.verifier.verify(access.secret)
    assert daypass.text("user", "enable", "anna") == "Enabled anna.\n"
    assert services.verifier.verify(access.secret).user_id == anna.id
    assert "allow" in daypass.text("user", "allow-tokens", "anna")
    assert services.accounts.get("anna").api_tokens is ApiTokens.ALLOW
    assert "deny" in daypass.text("user", "deny-tokens", "anna")
    assert services.accounts.get("anna").api_tokens is ApiTokens.DENY
    actors = {event.actor for event in services.listing.audit_events(object_id="anna").items}
    assert actors == {OPERATOR.name, f"cli:{getpass.getuser()}"}


def test_what_cannot_be_done_is_refused_in_one_line(daypass: CommandLine, services: Services) -> None:
    make_user(services, "root", Role.SERVER_ADMIN)
    nobody = "There is no such user."
    for words in (["show"], ["set-password"], ["disable"], ["enable"], ["allow-tokens"], ["deny-tokens"]):
        assert daypass.refusal("user", *words, "nemo", stdin=PASSWORD) == nobody
    assert daypass.refusal("user", "set-role", "nemo", "viewer") == nobody
    assert "last active administrator" in daypass.refusal("user", "disable", "root")
    assert "last active administrator" in daypass.refusal("user", "set-role", "root", "viewer")
    assert "called root already" in daypass.refusal("user", "add", "ROOT", "--no-password")
    assert "user name" in daypass.refusal("user", "add", "not a name", "--no-password")
    assert "email" in daypass.refusal("user", "add", "anna", "--no-password", "--email", "\x1b[31m")
    assert "first_name" in daypass.refusal("user", "add", "anna", "--no-password", "--first-name", "a" * 151)
    assert [user["username"] for user in daypass.json("user", "list")] == ["root"]


# How passwords get in


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nand more\n"])
def test_a_password_is_the_first_line_of_standard_input(daypass: CommandLine, services: Services, ending: str) -> None:
    daypass.text("user", "add", "anna", stdin=f" {PASSWORD} {ending}")
    assert signs_in(services, "anna", f" {PASSWORD} ")
    daypass.text("user", "set-password", "anna", stdin=f"{NEW_PASSWORD}{ending}")
    assert signs_in(services, "anna", NEW_PASSWORD)
    assert not signs_in(services, "anna", f" {PASSWORD} ")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_is_the_text_of_a_file(
    daypass: CommandLine, services: Services, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}-ä{ending}", encoding="utf-8")
    daypass.text("user", "add", "anna", "--password-file", str(file), stdin=NEW_PASSWORD)
    assert signs_in(services, "anna", f"{PASSWORD}-ä")


def test_what_may_not_be_a_password_is_refused_without_being_repeated(
    daypass: CommandLine, services: Services, tmp_path: Path
) -> None:
    make_user(services, "anna", password=PASSWORD)
    file = tmp_path / "password"
    for bad in ("", "\n", "7 bytes", "x" * 1025, f"{PASSWORD_MARK}\0"):
        file.write_text(bad)
        for words in (["add", "bert"], ["set-password", "anna"]):
            for said in (
                daypass.refusal("user", *words, stdin=bad),
                daypass.refusal("user", *words, "--password-file", str(file)),
            ):
                assert said == "A password has 8 to 1024 bytes, and no NUL."
    assert signs_in(services, "anna", PASSWORD)


def test_a_password_that_is_no_text_is_refused(daypass: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"pass\xff\xfeword")
    assert "UTF-8" in daypass.refusal("user", "add", "anna", "--password-file", str(file))
    assert "UTF-8" in daypass.refusal("user", "add", "anna", stdin=b"pass\xff\xfeword\n")


@pytest.mark.parametrize("words", [["add", "anna"], ["set-password", "anna"]])
def test_a_password_is_never_an_argument(daypass: CommandLine, words: list[str]) -> None:
    for attempt in (["--password", PASSWORD], [f"--password={PASSWORD}"], ["-p", PASSWORD]):
        said = daypass.misuse("user", *words, *attempt)
        assert "No such option" in said and PASSWORD_MARK not in said
    said = daypass.misuse("user", *words, PASSWORD)
    assert "one word too many" in said and PASSWORD_MARK not in said


def test_a_password_file_that_is_not_there_is_wrong_usage(daypass: CommandLine, tmp_path: Path) -> None:
    assert "does not exist" in daypass.misuse("user", "add", "anna", "--password-file", str(tmp_path / "none"))


def at_a_terminal(server: LiveServer, *words: str, typed: list[str]) -> tuple[int, str]:
    """Run a command whose terminal is ours, typing a line at each prompt; its exit code and what was on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *words],
        env=server.environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            screen += os.read(ours, 1024)
        except OSError:  # nobody holds the other end any more
            break
        if typed and screen.endswith((b"assword: ", b"again: ")):
            os.write(ours, typed.pop(0).encode() + b"\n")
    os.close(ours)
    return process.wait(10), screen.decode()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    database_url: str, tmp_path: Path, services: Services
) -> None:
    server = LiveServer(database_url, tmp_path)
    code, screen = at_a_terminal(server, "user", "add", "anna", typed=[PASSWORD, PASSWORD])
    assert code == 0, screen
    assert screen.split("\r\n") == ["Password: ", "The same again: ", "Added anna with the user id 1.", ""]
    assert signs_in(services, "anna", PASSWORD)
    code, screen = at_a_terminal(server, "user", "set-password", "anna", typed=[NEW_PASSWORD, PASSWORD])
    assert (code, screen.split("\r\n")[2:]) == (1, ["Error: The two are not the same.", ""])
    assert PASSWORD_MARK not in screen
    assert signs_in(services, "anna", PASSWORD)
