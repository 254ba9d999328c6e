"""``daypass audit``: who changed what, narrowed and page by page, and exported."""

import json
from pathlib import Path

import pytest

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.identity import Caller
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
    assert heading.split() == ["AT", "ACTOR", "CREDENTIAL", "ACTION", "RESULT", "OBJECT", "ID", "ADDRESS", "DETAIL"]
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


def test_a_log_is_verified_here_and_elsewhere(daypass: CommandLine, refresh_token: str, tmp_path: Path) -> None:
    assert daypass.json("job", "run", "seal_audit")["rows"] == 6
    assert daypass.text("audit", "verify") == "6 events in 2 sealed ranges as they were sealed.\n"
    lines = daypass.text("audit", "export").splitlines()
    seals = [json.loads(line) for line in lines if '"kind": "seal"' in line]
    assert [(each["stream"], each["number"]) for each in seals] == [("ordinary", 3), ("high-volume", 3)]
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(lines))
    done = daypass.json("audit", "verify", "--from", str(file), "--seal", seals[0]["mac"], "--seal", seals[1]["mac"])
    assert done == {"events": 6, "ranges": 2, "unsealed": 0, "late": None, "beginnings": []}
    file.write_text("\n".join(lines).replace('"anna"', '"carl"', 1))
    refusal = daypass.refusal("audit", "verify", "--from", str(file))
    assert refusal.startswith("Range 1 of the ordinary events (1 to 3, sealed at ") and "does not match" in refusal
    assert "is not in the log" in daypass.refusal("audit", "verify", "--seal", "0" * 64)
    for text, problem in (("{", "Line 1 is not"), ('{"kind": "seal"}', "Line 1 is not"), ("\n\n[]", "Line 3 is not")):
        file.write_text(text)
        assert problem in daypass.refusal("audit", "verify", "--from", str(file))


def test_a_log_is_exported_for_systems_that_collect_security_events(daypass: CommandLine, refresh_token: str) -> None:
    daypass.text("job", "run", "seal_audit")
    events = [json.loads(line) for line in daypass.text("audit", "export", "--format", "ocsf").splitlines()]
    assert [each["class_uid"] for each in events] == [3001, 3001, 3004, 3003, 3003, 3003]
    assert [each["metadata"]["uid"] for each in events] == [str(number) for number in range(1, 7)]
    assert events[2]["entity"]["uid"] == refresh_token


def test_refused_attempts_are_listed_by_their_result(daypass: CommandLine, services: Services) -> None:
    services.sightings.note(SIGN_IN_REFUSED, ("user", "anna"), Caller("", address="192.0.2.1"), reason="disabled")
    services.sightings.flush()
    make_user(services, "anna")
    assert [each["action"] for each in daypass.json("audit", "list", "--result", "refused")] == ["sign_in.refused"]
    assert [each["action"] for each in daypass.json("audit", "list", "--result", "done")] == ["user.created"]
