"""How results look: a table, a list of members, a sentence, and JSON; harmless at a terminal whatever is in them."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from app.cli.output import show_one, show_result, show_table
from app.services import Services
from app.storage.database import Database
from tests.factories import issue, make_user, mint, revoke
from tests.integration.cli.conftest import CommandLine

Captured = pytest.CaptureFixture[str]

EVIL = "\x1b[2J\x1b]0;title\x07\r\n\t\x9b31m\u202etxt.exe\u200b\ud83d"
AT = datetime(2027, 3, 14, 17, 9, 26, tzinfo=timezone(timedelta(hours=2)))


def test_a_table_is_as_wide_as_its_widest_cells_and_none_is_a_word(capsys: Captured) -> None:
    rows = [{"key": "a", "is_long": "x" * 9, "unshown": 1}, {"key": "bbbbb", "is_long": "", "unshown": 2}]
    show_table(rows, ("key", "is_long"), False)
    show_table([], ("key",), False)
    assert capsys.readouterr().out == "KEY    IS LONG\na      xxxxxxxxx\nbbbbb\nNo matches.\n"


def test_columns_stand_under_each_other_in_any_script(capsys: Captured) -> None:
    """Fails when a wide character counts as one, or a mark or joiner as any."""
    names = ["etl", "夜間", "e\u0301", "می\u200cروم"]
    show_table([{"name": name, "id": "x"} for name in names], ("name", "id"), False)
    assert capsys.readouterr().out.splitlines() == [
        "NAME   ID", "etl    x", "夜間   x", "e\u0301      x", "می\u200cروم  x",
    ]  # fmt: skip


def test_members_and_sentences_are_written_for_people(capsys: Captured) -> None:
    show_one({"none": None, "yes": True, "no": False, "at": AT, "number": 1.5, "text": "ä"}, False)
    show_result({"key": 1}, "Done.", False)
    show_result({"key": 1}, lambda: "Done later.", False)
    assert capsys.readouterr().out.splitlines() == [
        "none    -", "yes     yes", "no      no", "at      2027-03-14 15:09:26", "number  1.5", "text    ä",
        "Done.", "Done later.",
    ]  # fmt: skip


def test_json_has_every_member_and_times_in_utc(capsys: Captured) -> None:
    row = {"at": AT, "none": None, "yes": True, "text": EVIL}
    plain = row | {"at": "2027-03-14T15:09:26Z"}
    for show, shown in (
        (lambda: show_table([row], ("at",), True), [plain]),
        (lambda: show_table([], ("key",), True), []),
        (lambda: show_one(row, True), plain),
        (lambda: show_result(row, "done", True), plain),
    ):
        show()
        out = capsys.readouterr().out
        assert json.loads(out) == shown
        assert out.isascii() and "\x1b" not in out


def test_what_could_move_the_cursor_is_shown_as_question_marks(capsys: Captured) -> None:
    show_table([{"name": EVIL}], ("name",), False)
    show_one({"name": EVIL}, False)
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert out.count("?[2J?]0;title?") == 2


def test_a_name_that_was_planted_in_the_database_does_not_reach_the_terminal(
    daypass: CommandLine, services: Services, database: Database
) -> None:
    """◆ Fails when a table writes its cells as they are."""
    anna = make_user(services, "anna")
    refresh = issue(services, anna)
    access = mint(services, refresh)
    revoke(services, access, "lost")
    evil = "\x1b[2J\x07\u202eevil"
    with database.transaction() as session:
        for statement in (
            "UPDATE refresh_tokens SET name = :evil",
            "UPDATE access_tokens SET revoke_reason = :evil, revoked_by = :evil, last_used_ip = :evil",
            "UPDATE users SET email = :evil, first_name = :evil, title = :evil",
        ):
            session.execute(text(statement), {"evil": evil})
    shown = ""
    shows = [f"token show {token.public_id}" for token in (refresh.token, access.token)]
    for command in ("token list", *shows, "user list", "user show anna", "audit list"):
        words = command.split()
        plain, as_json = daypass.text(*words), daypass.text(*words, "--json")
        assert plain.replace("\n", "").isprintable(), words
        assert as_json.isascii() and "\x1b" not in as_json
        shown += plain
    # Both tokens listed, one shown, the other shown with its end; the user listed and shown.
    assert shown.count("?[2J??evil") == 2 + 1 + 4 + 1 + 3
