"""``daypass user …``: accounts from the command line, and how passwords get in."""

import getpass
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.errors import OwnerDisabled, TokenRevoked
from app.domain.identity import ApiTokens, Role
from app.services import Services
from tests.authenticators import add_second_factor
from tests.crowds import all_at_once
from tests.drivers.server import LiveServer
from tests.factories import (
    ISSUER,
    OPERATOR,
    PASSWORD,
    issue,
    lock_sign_in,
    make_service_account,
    make_user,
    mint,
    mint_with,
)
from tests.integration.cli.conftest import CommandLine, signs_in
from tests.secrecy import PASSWORD_MARK

MEMBERS = "id username email first_name last_name title role is_active api_tokens created_at last_login_at"
MEMBERS += " sign_in_by password_expires_at kind responsible deputy deleted_at"
NEW_PASSWORD = f"{PASSWORD_MARK}-that-is-new"


def test_a_user_is_added_with_role_and_profile_or_without_a_password(daypass: CommandLine, services: Services) -> None:
    words = ["--role", "steward", "--email", "anna@example.org", "--first-name", "Anna", "--title", "Steward"]
    added = daypass.text("user", "add", "Anna", *words, stdin=PASSWORD)
    anna = services.accounts.get("anna")
    assert added == f"Added anna with the user id {anna.id}.\n"
    assert anna.password_expires_at is None
    assert daypass.json("user", "add", "newcomer", "--temporary", stdin=PASSWORD)["password_expires_at"] is not None
    assert (anna.role, anna.email, anna.first_name, anna.title) == (Role.STEWARD, words[3], "Anna", "Steward")
    assert signs_in(services, "anna", PASSWORD)
    daypass.text("user", "add", "robot", "--no-password", stdin=PASSWORD)
    assert services.accounts.get("robot").role is Role.VIEWER
    assert not signs_in(services, "robot", PASSWORD)
    assert not signs_in(services, "robot", "")


def test_every_command_answers_with_the_same_members(daypass: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    from_file = ["--password-file", str(tmp_path / "password")]
    acts = ("add", "set-password"), ("show", "disable", "enable", "allow-tokens", "deny-tokens")
    answers = [daypass.json("user", act, "anna", *from_file) for act in acts[0]]
    answers += daypass.json("user", "list")
    answers.append(daypass.json("user", "set-role", "anna", "composer"))
    answers += [daypass.json("user", act, "anna") for act in acts[1]]
    assert [list(answer) for answer in answers] == [MEMBERS.split()] * 9
    assert {answer["username"] for answer in answers} == {"anna"}
    last = answers[-1]
    assert (last["role"], last["is_active"], last["api_tokens"]) == ("COMPOSER", True, "deny")
    assert last["created_at"].endswith("Z") and last["last_login_at"] is None


def test_users_are_listed_in_order_of_name_and_shown_a_member_a_line(daypass: CommandLine, services: Services) -> None:
    assert daypass.text("user", "list") == "No users yet.\n"
    assert daypass.json("user", "list") == []
    make_user(services, "bert", email="bert@example.org")
    make_user(services, "anna", Role.SERVER_ADMIN)
    heading, *lines = daypass.text("user", "list").splitlines()
    assert " ".join(heading.split()) == "ID USERNAME KIND ROLE IS ACTIVE EMAIL LAST LOGIN AT SIGN IN BY"
    assert [line.split()[1:] for line in lines] == [
        ["anna", "person", "SERVER_ADMIN", "yes", "-", "-"],
        ["bert", "person", "VIEWER", "yes", "bert@example.org", "-", "-"],
    ]
    assert [user["username"] for user in daypass.json("user", "list")] == ["anna", "bert"]
    shown = dict(line.split(maxsplit=1) for line in daypass.text("user", "show", "BERT").splitlines() if "@" in line)
    assert shown == {"email": "bert@example.org"}


def test_what_is_done_to_a_user_is_said_and_done(daypass: CommandLine, services: Services) -> None:
    anna = make_user(services, "anna")
    access = mint(services, issue(services, anna))
    daypass.text("user", "set-role", "anna", "explorer")
    assert services.verifier.verify(access.secret).role is Role.EXPLORER
    assert daypass.text("user", "disable", "anna").startswith("Disabled anna")
    with pytest.raises(OwnerDisabled):
        services.verifier.verify(access.secret)
    assert daypass.text("user", "enable", "anna") == "Enabled anna.\n"
    assert services.verifier.verify(access.secret).user_id == anna.id
    for decision in ApiTokens.ALLOW, ApiTokens.DENY:
        assert decision.value in daypass.text("user", f"{decision.value}-tokens", "anna")
        assert services.accounts.get("anna").api_tokens is decision
    actors = {event.actor for event in services.audit_list.events(object_id="anna").items}
    assert actors == {OPERATOR.name, f"cli:{getpass.getuser()}"}


def test_what_is_stored_about_a_person_is_changed_and_removed(daypass: CommandLine, services: Services) -> None:
    anna = make_user(services, "anna", title="Analyst")
    edited = daypass.json("user", "edit", "ANNA", "--email", "anna@example.org", "--last-name", "Ω", "--title", "")
    assert (edited["email"], edited["last_name"], edited["title"]) == ("anna@example.org", "Ω", "")
    assert daypass.text("user", "edit", "anna", "--first-name", "Ännchen") == "Changed anna.\n"
    assert daypass.text("user", "rename", "Anna", "Berta") == "anna is called berta now; the user id stays.\n"
    assert "anna was another account's user name" in daypass.refusal("user", "add", "anna", "--no-password")
    mint(services, issue(services, anna))
    assert daypass.run("user", "delete", "berta", stdin="n\n").exit_code == 1
    assert services.accounts.by_id(anna.id).is_active
    done = daypass.text("user", "delete", "berta", "--yes")
    name = f"Deleted user {anna.id}"
    assert done == f"Deleted berta, now called {name}. Revoked 1 refresh token and 1 access token.\n"
    assert daypass.json("user", "list") == [] and services.accounts.by_id(anna.id).username == name
    for words in (["edit", name, "--title", "x"], ["enable", name], ["rename", name, "anna"]):
        assert daypass.refusal("user", *words) == "There is no such user."


def test_sign_in_from_new_places_is_unlocked(daypass: CommandLine, services: Services) -> None:
    make_user(services, "anna")
    assert daypass.text("user", "unlock", "anna") == "Nothing to unlock: anna can sign in from new places.\n"
    lock_sign_in(services, "anna")
    assert daypass.text("user", "unlock", "ANNA") == "Unlocked: anna can sign in from new places again.\n"
    assert services.accounts.throttle.lock_of("anna") is None
    assert daypass.json("user", "unlock", "anna")["username"] == "anna"
    (event,) = services.audit_list.events(action="user.sign_in_unlocked").items
    assert (event.object_id, event.actor) == ("anna", f"cli:{getpass.getuser()}")


def test_a_second_factor_is_reset_by_whoever_administers_the_server(daypass: CommandLine, services: Services) -> None:
    add_second_factor(services, make_user(services, "anna", password=PASSWORD))
    done = daypass.text("user", "reset-second-factor", "ANNA")
    assert done == "Reset the second factor of anna, who signs in with the password alone now.\n"
    assert daypass.refusal("user", "reset-second-factor", "anna") == "anna has no second factor."
    (event,) = services.audit_list.events(action="second_factor.reset").items
    assert (event.object_id, event.actor) == ("anna", f"cli:{getpass.getuser()}")


def test_what_cannot_be_done_is_refused_in_one_line(daypass: CommandLine, services: Services) -> None:
    make_user(services, "root", Role.SERVER_ADMIN)
    for act in ("show", "set-password", "end-sessions", "disable", "enable", "allow-tokens", "deny-tokens", "unlock",
                "delete"):  # fmt: skip
        assert daypass.refusal("user", act, "nemo", stdin=PASSWORD) == "There is no such user."
    for words, reason in (
        (["set-role", "nemo", "viewer"], "There is no such user."),
        (["disable", "root"], "last enabled administrator"),
        (["set-role", "root", "viewer"], "last enabled administrator"),
        (["add", "ROOT", "--no-password"], "already a user called root"),
        (["add", "anna", "--no-password", "--email", "\x1b[31m"], "e-mail"),
    ):
        assert reason in daypass.refusal("user", *words)
    assert [user["username"] for user in daypass.json("user", "list")] == ["root"]


def test_a_password_is_the_first_line_of_standard_input_or_the_text_of_a_file(
    daypass: CommandLine, services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    daypass.text("user", "add", "anna", stdin=PASSWORD)
    for ending in ("", "\n", "\r\n", "\nand more\n"):
        daypass.text("user", "set-password", "anna", stdin=f" {NEW_PASSWORD} {ending}")
        assert signs_in(services, "anna", f" {NEW_PASSWORD} ") and not signs_in(services, "anna", PASSWORD)
        if "more" not in ending:
            file.write_text(f"{PASSWORD}-ä{ending}", encoding="utf-8")
            daypass.text("user", "set-password", "anna", "--password-file", str(file), stdin=NEW_PASSWORD)
            assert signs_in(services, "anna", f"{PASSWORD}-ä")


def test_what_may_not_be_a_password_is_refused_without_being_repeated(
    daypass: CommandLine, services: Services, tmp_path: Path
) -> None:
    make_user(services, "anna", password=PASSWORD)
    file = tmp_path / "password"
    for bad, said in (
        (f"{PASSWORD_MARK}-of\0".encode(), "NUL"),
        (b"Password1234!", "harder to guess"),
        (b"pass\xff\xfeword", "UTF-8"),
    ):
        file.write_bytes(bad)
        for words in (["add", "bert"], ["set-password", "anna"]):
            assert said in daypass.refusal("user", *words, stdin=bad)
            assert said in daypass.refusal("user", *words, "--password-file", str(file))
    assert signs_in(services, "anna", PASSWORD)


def test_setting_a_password_can_revoke_tokens_and_sessions_end_by_a_command(
    daypass: CommandLine, services: Services
) -> None:
    anna = make_user(services, "anna", password=PASSWORD)
    access, caller = mint(services, issue(services, anna)), OPERATOR
    cookies = [services.sessions.sign_in("anna", PASSWORD, caller, None) for _ in range(3)]
    assert daypass.json("user", "end-sessions", "anna") == {"sessions": 3}
    assert daypass.text("user", "end-sessions", "Anna") == "Ended 0 sessions of anna.\n"
    assert not any(map(services.sessions.find, cookies))
    assert "Tokens are not affected." in daypass.text("user", "set-password", "anna", stdin=NEW_PASSWORD)
    assert services.verifier.verify(access.secret)
    said = daypass.text("user", "set-password", "anna", "--revoke-tokens", "--temporary", stdin=PASSWORD)
    assert "Revoked 1 refresh token and 1 access token." in said and "has to choose another one" in said
    with pytest.raises(TokenRevoked):
        services.verifier.verify(access.secret)


def test_a_password_is_never_an_argument_and_its_file_must_exist(daypass: CommandLine, tmp_path: Path) -> None:
    for words in (["add", "anna"], ["set-password", "anna"]):
        for attempt in (["--password", PASSWORD], [f"--password={PASSWORD}"], ["-p", PASSWORD]):
            message = daypass.misuse("user", *words, *attempt)
            assert "No such option" in message and PASSWORD_MARK not in message
        message = daypass.misuse("user", *words, PASSWORD)
        assert "1 unexpected argument" in message and PASSWORD_MARK not in message
    assert "does not exist" in daypass.misuse("user", "add", "anna", "--password-file", str(tmp_path / "none"))


def at_a_terminal(server: LiveServer, *words: str, typed: list[str]) -> tuple[int, str]:
    """Run a command at a terminal, typing a line at each prompt; its exit code and what was on the screen."""
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
        except OSError:  # the process has ended
            break
        if typed and screen.endswith((b"assword: ", b"again: ")):
            os.write(ours, typed.pop(0).encode() + b"\n")
    os.close(ours)
    return process.wait(60), screen.decode()


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    database_url: str, tmp_path: Path, services: Services
) -> None:
    bert = make_user(services, "bert", password=PASSWORD)
    server = LiveServer(database_url, tmp_path)
    (code, screen), (other_code, other_screen) = all_at_once(
        [
            lambda: at_a_terminal(server, "user", "add", "anna", typed=[PASSWORD, PASSWORD]),
            lambda: at_a_terminal(server, "user", "set-password", "bert", typed=[NEW_PASSWORD, PASSWORD]),
        ]
    )
    assert code == 0, screen
    added = f"Added anna with the user id {bert.id + 1}."
    assert [line[: len(added)] for line in screen.split("\r\n")] == ["Password: ", "Repeat the password: ", added, ""]
    assert signs_in(services, "anna", PASSWORD)
    assert (other_code, other_screen.split("\r\n")[2:]) == (1, ["Error: The passwords do not match.", ""])
    assert PASSWORD_MARK not in screen + other_screen
    assert signs_in(services, "bert", PASSWORD)


def test_a_service_account_has_people_who_answer_for_it_and_no_password(
    daypass: CommandLine, services: Services
) -> None:
    for name in ("anna", "berta"):
        make_user(services, name)
    added = daypass.text("user", "add", "svc-etl", "--service", "--responsible", "anna", "--deputy", "berta")
    account = services.accounts.get("svc-etl")
    assert added == f"Added svc-etl with the user id {account.id}. Responsible is anna, the deputy is berta.\n"
    assert [each["username"] for each in daypass.json("user", "list", "--kind", "service")] == ["svc-etl"]
    assert [each["username"] for each in daypass.json("user", "list", "--kind", "person")] == ["anna", "berta"]
    edited = daypass.text("user", "edit", "svc-etl", "--responsible", "berta", "--deputy", "")
    assert edited == "Changed svc-etl. Responsible is berta.\n"
    shown = daypass.json("user", "show", "svc-etl")
    assert (shown["kind"], shown["responsible"], shown["deputy"]) == ("service", "berta", None)
    assert daypass.json("token", "create", "--user", "svc-etl", "--name", "nightly")["user"] == "svc-etl"
    for words, message in (
        (["set-password", "svc-etl"], "svc-etl is a service account: it has no password and no sign-in."),
        (["add", "svc-2", "--service", "--responsible", "svc-etl"], "no active person called svc-etl"),
        (["edit", "anna", "--responsible", "berta"], "anna is a person"),
    ):
        assert message in daypass.refusal("user", *words, stdin=PASSWORD)
    for words, message in (
        (["add", "svc-2", "--service"], "needs --responsible"),
        (["add", "svc-2", "--service", "--responsible", "anna", "--temporary"], "has no password"),
        (["add", "carl", "--responsible", "anna"], "add --service"),
        (["edit", "svc-etl"], "Give what to change"),
    ):
        assert message in daypass.misuse("user", *words)


def test_what_a_person_has_is_listed_and_handed_over_before_they_are_disabled(
    daypass: CommandLine, services: Services
) -> None:
    anna, berta = make_user(services, "anna"), make_user(services, "berta")
    make_service_account(services, anna, berta, username="svc-a")
    account = make_service_account(services, anna, username="svc-b")
    make_service_account(services, services.accounts.get("berta"), anna, username="svc-c")
    refresh = issue(services, anna)
    listed = daypass.json("user", "hand-over", "anna")
    assert [(each["kind"], each["name"], each["deputy"]) for each in listed] == [
        ("service account", "svc-a", "berta"), ("service account", "svc-b", None),
        ("service account", "svc-c", "anna"),
        ("refresh token", "nightly-etl", None),
    ]  # fmt: skip
    assert "anna has these tokens" in daypass.misuse("user", "hand-over", "anna", "--tokens-to", "anna")
    assert "no deputy of svc-b" in daypass.refusal("user", "hand-over", "anna", "--to-deputies")
    assert services.accounts.get("svc-a").responsible == "anna", "all or none"
    rest = daypass.text("user", "hand-over", "anna", "--service-accounts-to", "berta", "--tokens-to", "svc-b")
    assert rest == "anna has nothing to hand over.\n"
    assert (services.accounts.get("svc-a").responsible, services.accounts.get("svc-a").deputy) == ("berta", None)
    assert (services.accounts.get("svc-c").responsible, services.accounts.get("svc-c").deputy) == ("berta", None)
    assert mint_with(services, refresh.secret).token.user_id == account.id
    done = daypass.text("user", "disable", "berta")
    assert done.endswith("3 service accounts: svc-a, svc-b, svc-c. Run `daypass user hand-over berta`.\n")


def test_a_person_at_a_provider_is_linked_listed_and_unlinked(daypass: CommandLine, services: Services) -> None:
    make_user(services, "anna")
    assert daypass.text("user", "identities", "anna") == "Nobody at a provider signs in as anna.\n"
    subject, email = ["--issuer", ISSUER, "--subject", "1-2-3"], ["--issuer", ISSUER, "--email", "Anna@example.org"]
    assert daypass.text("user", "link", "anna", *subject) == f"Linked anna to 1-2-3 at {ISSUER}.\n"
    assert daypass.json("user", "link", "anna", *email)["person"] == "anna@example.org"
    listed = daypass.json("user", "identities", "anna")
    assert [(each["person"], each["by"]) for each in listed] == [("1-2-3", "subject"), ("anna@example.org", "e-mail")]
    assert daypass.text("user", "unlink", "anna", *email) == f"Unlinked anna from anna@example.org at {ISSUER}.\n"
    assert daypass.refusal("user", "unlink", "anna", *email) == "There is no such link."
    assert "Give either" in daypass.refusal("user", "link", "anna", "--issuer", ISSUER)
