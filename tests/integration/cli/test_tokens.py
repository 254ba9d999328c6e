"""``daypass token …``: listing and revoking anybody's tokens, and keeping their secrets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.secrets import TokenFormat
from app.services import Services
from app.services.held_tokens import BySecret
from tests.factories import Access, Refresh, configure, disable, fight_over, issue, make_user, mint, revoke, works
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import secrets_in

MEMBERS = [
    "kind", "id", "public_id", "owner", "user_id", "name", "description", "status", "created_at", "expires_at",
    "last_used_at", "last_used_ip", "last_used_agent", "rotated_at", "old_secret_until", "seems_shared",
    "created_in_future", "created_with", "secret_seen_at", "revoked_at", "revoked_by", "revoke_reason",
]  # fmt: skip

NOW = datetime(2027, 3, 14, 15, 9, 26, 535897, UTC)
DAY = timedelta(days=1)


@dataclass
class Stock:
    """Tokens of two users: of anna one in use, one that is new and one of old that nobody used; of bert one revoked."""

    used: Refresh
    access: Access
    new: Refresh
    old: Refresh
    revoked: Refresh

    def names(self, listed: list[dict[str, object]]) -> set[str]:
        """Which of them were listed."""
        public_ids = {issued.token.public_id: name for name, issued in vars(self).items()}
        return {public_ids[str(each["public_id"])] for each in listed}


@pytest.fixture
def stock(services: Services) -> Stock:
    anna, bert = make_user(services, "anna"), make_user(services, "bert")
    with freeze_time(NOW - 59 * DAY):
        used, old, revoked = issue(services, anna, "used"), issue(services, anna, "old"), issue(services, bert, "gone")
        revoke(services, revoked, "lost")
    with freeze_time(NOW - DAY / 2):
        access = mint(services, used)
    with freeze_time(NOW - DAY / 4):
        new = issue(services, anna, "new")
    return Stock(used, access, new, old, revoked)


NARROWED = {
    "": "used access new old revoked",
    "--user anna": "used access new old",
    "--user BERT": "revoked",
    "--kind refresh": "used new old revoked",
    "--status active": "used access new old",
    "--name OL": "old",
    "--created-after 2027-03-14T05:00:00+02:00": "access new",
    "--created-before 2027-03-14T03:00:00Z": "used old revoked",
    "--expires-after 2027-03-16T00:00:00Z --expires-before 2027-04-01T00:00:00Z": "",
    "--last-used-after 2027-03-14T00:00:00Z": "used",
    "--last-used-before 2027-03-14T00:00:00Z": "",
    "--expiring-within 1": "access",
    "--unused-for 1": "old revoked",
    "--never-used": "access new old revoked",
    "--to-renew": "used new old revoked",
    "--user anna --kind refresh --status active --unused-for 30": "old",
}


@freeze_time(NOW)
def test_a_list_can_be_narrowed(daypass: CommandLine, stock: Stock) -> None:
    found = {words: stock.names(daypass.json("token", "list", *words.split())) for words in NARROWED}
    assert found == {words: set(names.split()) for words, names in NARROWED.items()}
    assert len(daypass.json("token", "list", "--user", "", "--name", "")) == 5  # empty: not narrowed


def test_a_list_is_a_table_of_the_newest_first(daypass: CommandLine, stock: Stock) -> None:
    with freeze_time(NOW):
        heading, *lines = daypass.text("token", "list", "--kind", "refresh").splitlines()
        assert daypass.text("token", "list", "--status", "superseded") == "No tokens match.\n"
    assert heading.split()[:3] == ["KIND", "PUBLIC", "ID"]
    assert [line.split()[:5] for line in lines] == [
        ["refresh", stock.new.token.public_id, "anna", "new", "active"],
        ["refresh", stock.revoked.token.public_id, "bert", "gone", "revoked"],
        ["refresh", stock.old.token.public_id, "anna", "old", "active"],
        ["refresh", stock.used.token.public_id, "anna", "used", "active"],
    ]


def test_one_token_is_shown_with_the_members_of_the_list(daypass: CommandLine, stock: Stock) -> None:
    with freeze_time(NOW):
        listed = daypass.json("token", "list")
        shown = [daypass.json("token", "show", each["public_id"]) for each in listed]
        said = daypass.text("token", "show", stock.access.token.public_id).splitlines()
    assert shown == listed
    assert all(list(each) == MEMBERS for each in shown)
    (access,) = (each for each in shown if each["kind"] == "access")
    assert (access["owner"], access["name"], access["created_at"]) == ("anna", "used", "2027-03-14T03:09:26.535897Z")
    (gone,) = (each for each in shown if each["status"] == "revoked")
    assert (gone["revoked_by"], gone["revoke_reason"]) == ("cli:tests", "lost")
    assert [line.split("  ")[0].strip() for line in said] == [member.replace("_", " ") for member in MEMBERS]


def test_a_refresh_token_that_seems_shared_is_shown_as_such_with_what_to_do(
    daypass: CommandLine, services: Services
) -> None:
    refresh = issue(services, make_user(services))
    fight_over(services, refresh)
    (listed, *_) = daypass.json("token", "list", "--kind", "refresh")
    assert listed["seems_shared"] is True
    shown = daypass.run("token", "show", refresh.token.public_id)
    assert "seems shared" in shown.stdout
    assert shown.stderr.startswith("Two programs seem to share this token")


def test_what_there_is_not_is_refused(daypass: CommandLine, stock: Stock) -> None:
    for unknown in ("zzzzzzzzzzzz", "", "x" * 5000, "\udcff", stock.used.secret):
        assert daypass.refusal("token", "show", unknown) == "There is no such token."
    assert daypass.refusal("token", "list", "--user", "nemo") == "There is no such user."
    assert "refresh" in daypass.misuse("token", "list", "--kind", "cookie")
    assert "active" in daypass.misuse("token", "list", "--status", "overlapping")
    assert "-1" in daypass.misuse("token", "list", "--unused-for", "-1")
    assert "range" in daypass.misuse("token", "list", "--expiring-within", "36501")
    assert "offset" in daypass.misuse("token", "list", "--created-after", "2027-03-14T03:00:00")
    for name, flaw in (("x" * 256, "It has at most 255"), ("a\nb", "2 is U+000A"), ("\udcff", "1 is U+DCFF")):
        assert flaw in daypass.misuse("token", "list", "--name", name)


def test_tokens_are_revoked_by_public_id_with_all_that_is_under_them(
    daypass: CommandLine, services: Services, stock: Stock
) -> None:
    with freeze_time(NOW):
        ids = [stock.used.token.public_id, stock.new.token.public_id, stock.revoked.token.public_id]
        rows = daypass.json("token", "revoke", *ids, "--reason", "laptop stolen")
        assert [tuple(row.values()) for row in rows] == [
            (ids[0], "revoked", 1, 1, 0),
            (ids[1], "revoked", 1, 0, 0),
            (ids[2], "had ended already", 0, 0, 0),
        ]
        tokens = (stock.used, stock.access, stock.new, stock.old)
        assert [works(services, each) for each in tokens] == [False, False, False, True]
    shown = daypass.json("token", "show", ids[0])
    assert shown["revoke_reason"] == "laptop stolen" and shown["revoked_by"].startswith("cli:")
    assert daypass.json("token", "show", ids[2])["revoke_reason"] == "lost"


def test_all_tokens_of_a_user_are_revoked(daypass: CommandLine, services: Services, stock: Stock) -> None:
    with freeze_time(NOW):
        said = daypass.text("token", "revoke", "--user", "Anna")
        assert said == "Revoked 3 refresh tokens and 1 access token of Anna.\n"
        assert not any(works(services, each) for each in (stock.used, stock.access, stock.new, stock.old))
        again = daypass.json("token", "revoke", "--user", "anna")
    assert again == {"user": "anna", "refresh_tokens": 0, "access_tokens": 0}


def test_pasted_secrets_are_revoked_and_unknown_lines_told_without_repeating_them(
    daypass: CommandLine, services: Services, stock: Stock
) -> None:
    """◆ Fails when pasted text is revoked by its public id without looking at its secret."""
    with freeze_time(NOW):
        made_up = _with_secret_of(issue(services, make_user(services, "carl")).secret, stock.old.secret)
    pasted = ["", f"  {stock.used.secret}\r", "hunter2 is no token", stock.new.secret, made_up, stock.new.secret, ""]
    with freeze_time(NOW):
        ended = daypass.run("token", "revoke", "--from-stdin", "--reason", "leaked", stdin="\n".join(pasted))
        tokens = (stock.used, stock.access, stock.new, stock.old)
        assert [works(services, each) for each in tokens] == [False, False, False, True]
    assert ended.exit_code == 1
    assert ended.stderr == "Error: Some of these are not tokens of this instance. The others were revoked.\n"
    assert [line.split(maxsplit=2) for line in ended.stdout.splitlines()[1:]] == [
        [stock.used.token.public_id, "revoked", "1               1              0"],
        ["line", "3", "unknown            0               0              0"],
        [stock.new.token.public_id, "revoked", "1               0              0"],
        ["line", "5", "unknown            0               0              0"],
        [stock.new.token.public_id, "had", "ended already  0               0              0"],
    ]
    assert secrets_in(ended.output) == [] and "hunter2" not in ended.output
    assert daypass.json("token", "show", stock.new.token.public_id)["revoke_reason"] == "leaked"


def _with_secret_of(giver: str, taker: str) -> str:
    """The taker's public id with the giver's secret, and a checksum that is right."""
    tokens = TokenFormat(("dp",))
    theirs, ours = tokens.parse(giver), tokens.parse(taker)
    assert theirs is not None and ours is not None
    return tokens.compose(ours.with_secret(theirs.secret))


def test_a_public_id_that_nobody_has_keeps_the_others_from_nothing(
    daypass: CommandLine, services: Services, stock: Stock
) -> None:
    with freeze_time(NOW):
        words = [stock.used.token.public_id, "zzzzzzzzzzzz", stock.old.secret, stock.new.token.public_id]
        ended = daypass.run("token", "revoke", *words)
        assert ended.exit_code == 1
        assert [line.split("  ")[0] for line in ended.stdout.splitlines()[1:]] == [
            stock.used.token.public_id, "argument 2", "argument 3", stock.new.token.public_id,
        ]  # fmt: skip
        assert len(ended.stderr.splitlines()) == 1
        assert secrets_in(ended.output) == []
        assert [works(services, each) for each in (stock.used, stock.old, stock.new)] == [False, True, False]


def test_what_to_revoke_is_said_in_one_way_only(daypass: CommandLine, services: Services, stock: Stock) -> None:
    public_id = stock.new.token.public_id
    for words in ([], ["--user", "anna", "--from-stdin"], [public_id, "--user", "anna"], [public_id, "--from-stdin"]):
        assert "Give public ids, --user or --from-stdin" in daypass.misuse("token", "revoke", *words)
    assert daypass.refusal("token", "revoke", "--user", "nemo") == "There is no such user."
    with freeze_time(NOW):
        assert all(works(services, each) for each in (stock.used, stock.new, stock.old, stock.access))


def test_a_reason_that_cannot_be_kept_or_shown_is_refused(
    daypass: CommandLine, services: Services, stock: Stock
) -> None:
    for words in ([stock.new.token.public_id], ["--user", "anna"], ["--from-stdin"]):
        said = daypass.refusal("token", "revoke", *words, "--reason", "\x1b[31m", stdin=stock.new.secret)
        assert "reason" in said
    with freeze_time(NOW):
        assert works(services, stock.new)


def test_input_that_is_no_text_is_refused(daypass: CommandLine) -> None:
    assert "UTF-8" in daypass.refusal("token", "revoke", "--from-stdin", stdin=b"\xff\xfe\x00\n")


def test_no_command_shows_a_secret(daypass: CommandLine, stock: Stock) -> None:
    said = [daypass.run("token", "list"), daypass.run("token", "list", "--json")]
    for issued in vars(stock).values():
        said += [daypass.run("token", "show", issued.token.public_id), daypass.run("token", "show", issued.secret)]
        said += [daypass.run("token", "revoke", issued.secret), daypass.run("audit", "list", "--object", issued.secret)]
        said += [daypass.run("token", "revoke", "--from-stdin", stdin=issued.secret)]
    assert secrets_in("".join(ended.output for ended in said)) == []


def test_a_refresh_token_is_created_for_a_user_and_its_secret_is_all_of_the_output(
    daypass: CommandLine, services: Services
) -> None:
    """◆ So that a program can read it. About it is on standard error, where no secret is."""
    robot = make_user(services, "robot")
    with freeze_time(NOW):
        ended = daypass.run("token", "create", "--user", "Robot", "--name", "nightly-etl", "--days", "7")
        secret = ended.stdout.strip()
        assert services.held_tokens.validate(BySecret(secret, robot.id))[0].expires_at == NOW + 7 * DAY
        assert (ended.exit_code, secrets_in(ended.stderr)) == (0, [])
        assert ended.stderr.endswith("for robot, user id 1. Expires 2027-03-21T15:09:26Z.\n")
        made = daypass.json("token", "create", "--user", "robot", "--name", "weekly")
    assert list(made) == ["user", "user_id", "public_id", "name", "created_at", "expires_at", "secret"]
    created = services.audit_list.events(object_id=made["public_id"]).items[0]
    assert created.actor.startswith("cli:") and created.detail == {"owner": "robot", "name": "weekly"}


def test_no_refresh_token_is_created_for_nobody_or_for_longer_than_allowed(
    daypass: CommandLine, services: Services
) -> None:
    """◆ Nor for a user who is disabled."""
    disable(services, make_user(services, "anna").username)
    configure(services, max_refresh_tokens_per_user=1)
    issue(services, make_user(services, "full"))
    make_user(services, "robot")
    for words, said in (
        ("--user full --name x", "The user has 1 active refresh token, which is the limit."),
        ("--user nemo --name x", "There is no such user."),
        ("--user robot --name x --days 61", "The longest lifetime here is 60 days."),
        ("--user robot --name x --days 0", "A lifetime is at least 1 day."),
        ("--user anna --name x", "The user is disabled: run `daypass user enable anna` first."),
    ):
        assert daypass.refusal("token", "create", *words.split()) == said
    assert "--days" in daypass.misuse("token", "create", "--user", "robot", "--name", "x", "--days", "1.5")
    assert len(daypass.json("token", "list")) == 1


def test_a_rotation_prints_the_new_secret_once_and_the_old_one_works_until_it_is_ended(
    daypass: CommandLine, services: Services
) -> None:
    anna = make_user(services, "anna")
    with freeze_time(NOW):
        refresh = issue(services, anna)
        public_id = refresh.token.public_id
        ended = daypass.run("token", "rotate", public_id)
        secret = ended.stdout.strip()
        assert (ended.exit_code, secrets_in(ended.stderr)) == (0, [])
        overlap = "the old secret works until 2027-03-15T15:09:26Z. Expires 2027-05-13T15:09:26Z."
        assert ended.stderr.endswith(f"Rotated {public_id} of anna: {overlap}\n")
        for each in (refresh.secret, secret):
            assert services.held_tokens.validate(BySecret(each))[0].public_id == public_id
        assert daypass.json("token", "end-old-secret", public_id) == {"public_id": public_id, "ended": True}
        assert not works(services, refresh)
        assert daypass.text("token", "end-old-secret", public_id) == f"No old secret of {public_id} works.\n"
        made = daypass.json("token", "rotate", public_id)
    assert list(made) == [
        "user", "user_id", "public_id", "name", "created_at", "expires_at", "old_secret_until", "secret"
    ]  # fmt: skip
    assert daypass.refusal("token", "rotate", "aaaaaaaaaaaa") == "There is no such token."


def test_tokens_are_moved_renamed_and_described_by_public_id(daypass: CommandLine, services: Services) -> None:
    anna = make_user(services, "anna")
    make_user(services, "svc-etl")
    first, second = issue(services, anna, "nightly"), issue(services, anna, "weekly")
    ids = [each.token.public_id for each in (first, second)]
    assert daypass.text("token", "rename", ids[0], "nightly-load") == f"Renamed {ids[0]} to nightly-load.\n"
    assert daypass.text("token", "describe", ids[0], "For the warehouse.") == f"Described {ids[0]}.\n"
    moved = daypass.json("token", "move", *ids, "--to", "SVC-ETL", "--reason", "anna left")
    assert [(each["public_id"], each["owner"]) for each in moved] == [(each, "svc-etl") for each in ids]
    assert (moved[0]["name"], moved[0]["description"]) == ("nightly-load", "For the warehouse.")
    assert works(services, first)
    assert "no such user" in daypass.refusal("token", "move", ids[0], "--to", "nobody").lower()
    made = daypass.json("token", "create", "--user", "anna", "--name", "x", "--description", "mine")
    assert services.listing.find(made["public_id"]).token.description == "mine"
