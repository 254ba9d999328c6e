"""``daypass audit list`` on both databases: who changed what, narrowed and page by page."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.services import Services
from tests.factories import issue, make_user, mint
from tests.integration.cli.conftest import CommandLine

MEMBERS = [
    "id", "at", "actor", "actor_id", "action", "object_kind", "object_id", "address", "request_id", "result", "detail",
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
    assert heading.split() == ["AT", "ACTOR", "ACTION", "OBJECT", "ID", "ADDRESS", "DETAIL"]
    assert first.split()[3:5] == ["refresh_token.revoked", refresh_token]


def test_a_list_can_be_narrowed(daypass: CommandLine, refresh_token: str) -> None:
    for words, number in (
        (["--actor", "anna"], 4),
        (["--actor", "cli:tests"], 2),
        (["--action", "access_token.minted"], 3),
        (["--object", refresh_token], 1),
        (["--object", "bert"], 1),
        (["--actor", "anna", "--action", "refresh_token.created", "--object", refresh_token], 1),
        (["--actor", "cli:tests", "--action", "access_token.minted"], 0),
        (["--actor", "nobody"], 0),
        (["--actor", ""], 0),
    ):
        assert len(daypass.json("audit", "list", *words)) == number, words
    assert daypass.text("audit", "list", "--actor", "nobody") == "None.\n"


def test_the_pages_make_the_whole_without_gap_or_repetition(daypass: CommandLine, refresh_token: str) -> None:
    whole = daypass.json("audit", "list")
    for size in (1, 2, 5, 6, 7):
        pages = list(_pages(daypass, size))
        assert [event for page in pages for event in page] == whole
        assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
        assert 1 <= len(pages[-1]) <= size


def _pages(daypass: CommandLine, size: int) -> Iterator[list[dict[str, Any]]]:
    cursor: list[str] = []
    while True:
        ended = daypass.run("audit", "list", "--json", "--limit", str(size), *cursor)
        yield json.loads(ended.stdout)
        if not ended.stderr:
            return
        assert ended.stderr.startswith("More events: --cursor ")
        cursor = ended.stderr.split()[-2:]


def test_a_cursor_that_no_page_gave_is_refused(daypass: CommandLine, refresh_token: str) -> None:
    for cursor in ("", "x", "-1", "0x10", " 5", "1_0", "f" * 16, "f" * 5000, "٣", "\udcff"):
        assert "cursor" in daypass.refusal("audit", "list", "--cursor", cursor)
    assert daypass.json("audit", "list", "--cursor", "0") == []


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many"])
def test_a_page_has_1_to_500(daypass: CommandLine, limit: str) -> None:
    assert "--limit" in daypass.misuse("audit", "list", "--limit", limit)
