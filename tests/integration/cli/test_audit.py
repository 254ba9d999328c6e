"""``daypass audit``: who changed what, narrowed and page by page, and exported."""

import json

import pytest

from app.services import Services
from tests.factories import issue, make_user, mint
from tests.integration.cli.conftest import CommandLine

MEMBERS = [
    "id", "at", "actor", "actor_id", "action", "object_kind", "object_id", "address", "request_id", "result", "detail",
    "credential",
]  # fmt: skip


@pytest.fixture
def refresh_token(services: Services) -> str:
    """The public id of one with a history: 2 users made, 1 token issued, 3 minted, and it was revoked."""
    anna, _ = make_user(services, "anna"), make_user(services, "bert")
    refresh = issue(services, anna)
    for _ in range(3):
        mint(services, refresh)
    return refresh.token.public_id


def test_changes_are_listed_newest_first(daypass: CommandLine, refresh_token: str) -> None:
    daypass.text("token", "revoke", refresh_token, "--reason", "lost")
    listed = daypass.json("audit", "list")
    assert all(list(each) == MEMBERS for each in listed)
    assert [each["action"] for each in listed] == [
        "refresh_token.revoked",
        *["access_token.minted"] * 3,
        "refresh_token.created",
        "user.created",
        "user.created",
    ]
    assert listed[0]["object_id"] == refresh_token
    assert listed[0]["detail"] == {"access_tokens": 1, "reason": "lost"}
    assert (listed[1]["actor"], listed[1]["detail"]) == ("anna", {"refresh_token": refresh_token})
    heading, first, *_ = daypass.text("audit", "list").splitlines()
    assert heading.split() == ["AT", "ACTOR", "CREDENTIAL", "ACTION", "OBJECT", "ID", "ADDRESS", "DETAIL"]
    assert "command line" in first
    assert [word for word in first.split() if word in ("refresh_token.revoked", refresh_token)] == [
        "refresh_token.revoked",
        refresh_token,
    ]


def test_a_list_can_be_narrowed_and_read_page_by_page(daypass: CommandLine, refresh_token: str) -> None:
    """How rows are matched and paged: ``tests/unit/services/test_listing.py``."""
    for words, number in (
        (["--actor", "anna"], 4),
        (["--action", "access_token.minted"], 3),
        (["--object", refresh_token], 1),
        (["--actor", "anna", "--action", "refresh_token.created", "--object", refresh_token], 1),
        (["--actor", ""], 0),
    ):
        assert len(daypass.json("audit", "list", *words)) == number, words
    assert daypass.text("audit", "list", "--actor", "nobody") == "No events match.\n"
    first = daypass.run("audit", "list", "--json", "--limit", "4")
    assert first.stderr.startswith("More events: --cursor ")
    rest = daypass.json("audit", "list", "--limit", "4", *first.stderr.split()[-2:])
    assert json.loads(first.stdout) + rest == daypass.json("audit", "list")


def test_a_cursor_that_no_page_gave_and_a_limit_out_of_1_to_500_are_refused(daypass: CommandLine) -> None:
    for cursor in ("", "x", "-1", "f" * 5000, "\udcff"):
        assert "cursor" in daypass.refusal("audit", "list", "--cursor", cursor)
    for limit in ("0", "501", "-1", "many"):
        assert "--limit" in daypass.misuse("audit", "list", "--limit", limit)


def test_the_log_is_exported_oldest_first_a_line_for_each_event(daypass: CommandLine, refresh_token: str) -> None:
    listed = daypass.json("audit", "list")[::-1]
    lines = daypass.text("audit", "export").splitlines()
    assert [json.loads(line) for line in lines] == listed
    since = listed[3]["at"]
    assert daypass.text("audit", "export", "--since", since).splitlines() == lines[3:]
    assert "--since" in daypass.misuse("audit", "export", "--since", "yesterday")
