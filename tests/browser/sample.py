"""An instance as one finds it after some months, in the order in which it happened; the same each time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, timedelta

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.provisioned import Group, Person
from app.services.linking import named_person
from app.storage import bulk_revocations, check_counts, leases
from app.storage.refresh_tokens import Revocation
from tests.browser.past import HOUR, Life, Past
from tests.factories import (
    ISSUER,
    OPERATOR,
    PASSWORD,
    configure,
    disable,
    fight_over,
    lock_sign_in,
    make_service_account,
    person,
    set_api_tokens,
    set_role,
    signed_in,
    vouch,
    with_token,
)

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

ADMINISTRATOR, AWAY, PERSON, DENIED, NEWCOMER, LATE, OFF = (
    "clara", "ida", "anna", "denis", "noor", "leif", "olga"
)  # fmt: skip
"""Who can sign in with ``PASSWORD``, but for the one who is disabled. The second is an administrator as well, who is
asked for the password again; the denied may not create tokens; the newcomer has a temporary password,
and so had the late one, whose has expired."""

GUARDED, GUARDED_AWAY, RESET = "greta", "gisa", "rolf"
"""Who have a second factor, the second asked for password and code again, and one who had one, which was reset."""
BY_PROVIDER, SAID_LONG_AGO = "frieda", person("00u1f96ECLNVOKVMUSEA", signed_in_at=None)
"""Who signs in with a provider, which does not say when it last asked for a password."""
BY_PROXY, STRANGER_AT_PROXY = "nadia", "zed"
"""Whom a reverse proxy names: a user who has no password, and somebody whom nobody added."""

VISIT = Caller("", address="192.0.2.10")

STRONGER = "frida"
"""Somebody with another role than Anna's, which is not weaker."""

WORDY = "walter-with-a-long-name-who-signs-in-from-far-away.and.has.a.team+too@example.com"
"""Somebody whose names are as long as they may be."""

LONG_NAME = "a-name-without-any-break-" + "x" * 230
LONG_LABEL = "Example Corporation Worldwide Workforce Identity (production)"
LONG_WORDS = "the quarterly export of everything that the warehouse holds about suppliers and what they deliver " * 2

NAMES = [
    "adam", "ben", "birgit", "carlos", "dana", "david", "elena", "emil", "fatima", "felix", "frida", "gustav",
    "hana", "hugo", "ines", "ivan", "jana", "jonas", "julia", "kai", "karim", "laura", "lena", "leo", "lucia",
    "maja", "marek", "mia", "nadia", "nils", "oscar", "paula", "rosa", "sami", "tara", "tom", "vera", "yusuf",
    "zoe",
]  # fmt: skip

SCRIPTS = [
    "nightly-etl", "catalog-sync", "lineage-export", "dashboards", "dbt-docs", "airflow", "quality-checks",
    "usage-report", "glossary-import", "tableau-refresh", "backup", "terraform", "sandbox", "notebook",
]  # fmt: skip

REASONS = [
    "its secret was in a log",
    "left the team",
    "the laptop was sold",
    "found in a repository",
    "no longer needed",
]

DAY = timedelta(days=1)
HOURS_OF_CHECKS = 48

Ended = tuple[timedelta, str]
"""How long ago it was revoked, and why."""


def fill(past: Past) -> None:
    """Put all of it there; the same each time, but for secrets and ids."""
    chance = random.Random(11)
    roles = (Role.VIEWER, Role.VIEWER, Role.EXPLORER, Role.COMPOSER, Role.STEWARD, Role.SOURCE_ADMIN)
    crowd = []
    for number, name in enumerate(NAMES):
        past.ago((200 - number) * DAY)
        crowd.append(past.user(name, chance.choice(roles)))
    past.ago(150 * DAY)
    clara = past.user(ADMINISTRATOR, Role.SERVER_ADMIN, PASSWORD)
    past.user(AWAY, Role.SERVER_ADMIN, PASSWORD)
    past.ago(130 * DAY)
    anna = past.user(PERSON, Role.STEWARD, PASSWORD)
    set_api_tokens(past.services, PERSON, ApiTokens.ALLOW, signed_in(clara))
    warehouse = make_service_account(past.services, anna, crowd[-1], username="svc-warehouse")
    set_api_tokens(past.services, warehouse.username, ApiTokens.ALLOW, signed_in(clara))
    past.generate(warehouse, "dashboard of the loading dock", 365)
    make_service_account(past.services, crowd[0], anna, username="svc-lineage")
    make_service_account(past.services, anna, role=Role.SERVER_ADMIN, username="svc-administration")
    lives = [
        _life_of_account(past, warehouse),
        *_lives_of_crowd(past, chance, crowd, clara),
        *_lives_of_anna(past, anna, clara),
    ]
    past.live(
        [
            *lives,
            _life_of_clara(past, clara),
            _life_of_wordy(past),
            *_others(past, clara),
            _leaver(past),
            _sign_ins(past),
        ]
    )
    _fill_checks(past, chance)
    _revoke_in_bulk(past)
    past.ago(timedelta(minutes=5))
    for name in (GUARDED, GUARDED_AWAY):
        past.guarded(name)
    past.services.enrolling.reset(past.guarded(RESET).id, signed_in(clara))
    past.ago(timedelta(0))


def _script(
    past: Past, user: User, name: str, age: timedelta, mints: Sequence[timedelta] = (), ended: Ended | None = None,
    by: User | None = None, used: bool = True,
) -> Life:  # fmt: skip
    """A refresh token, its access tokens, and how an administrator ended it."""
    yield age
    refresh = past.issue(user, name)
    for each in sorted(mints, reverse=True):
        yield each
        past.mint(refresh, used=used)
    if ended and by:
        yield ended[0]
        past.revoke(refresh, ended[1], by)


def _lives_of_anna(past: Past, anna: User, clara: User) -> Iterator[Life]:
    """One token of every state that its owner can see."""
    yield _script(past, anna, "first-try", 100 * DAY, [99 * DAY, 70 * DAY, 41 * DAY])
    yield _script(past, anna, "old-laptop", 40 * DAY, [30 * DAY, 13 * DAY], (12 * DAY, "the laptop was stolen"), clara)
    yield _rotated(past, anna)
    yield _script(
        past, anna, "a quarterly export of everything that the warehouse holds about suppliers", 48 * DAY, [6 * DAY]
    )
    yield _script(past, anna, "lineage-export", timedelta(minutes=10))
    yield _sync(past, anna)
    yield _nightly(past, anna)
    yield _shared(past, anna)
    yield _api_tokens_of_anna(past, anna)


def _sync(past: Past, anna: User) -> Life:
    yield 58 * DAY
    refresh = past.issue(anna, "catalog-sync")
    for age in (40 * DAY, 20 * DAY, 3 * DAY, 3 * HOUR):
        yield age
        past.mint(refresh)
    past.spend_regenerations(refresh)


def _rotated(past: Past, anna: User) -> Life:
    """Two hosts have the new secret, and one the old one."""
    yield 16 * DAY
    old = past.issue(anna, "tableau-refresh")
    for age in (9 * DAY, 22 * HOUR):
        yield age
        past.mint(old)
    yield 5 * HOUR
    new = past.rotate(old)
    for minutes, refresh, address in ((200, new, "10.20.4.31"), (150, old, "10.20.4.33"), (95, new, "10.20.4.32")):
        yield timedelta(minutes=minutes)
        past.mint(refresh, address=address)


def _nightly(past: Past, anna: User) -> Life:
    yield 9 * DAY
    refresh = past.issue(anna, "nightly-etl")
    for nights in range(8, -1, -1):
        yield nights * DAY + 5 * HOUR
        minted = past.mint(refresh)
    yield 4 * HOUR
    past.generate_by_refresh_token(anna, refresh, minted)


def _shared(past: Past, user: User) -> Life:
    yield 30 * DAY
    refresh = past.issue(user, "quality-checks")
    yield 2 * HOUR
    fight_over(past.services, refresh)


def _api_tokens_of_anna(past: Past, anna: User) -> Life:
    yield 50 * DAY
    past.use(past.generate(anna, "spreadsheet add-in", 30).secret)
    yield 33 * DAY
    hall = past.generate(anna, "dashboard in the hall", None)
    yield 30 * DAY
    upstairs = past.generate(anna, "dashboard upstairs", 365, with_token(anna, hall))
    yield 2 * DAY
    past.generate(anna, "", 7)
    yield 20 * HOUR
    past.use(hall.secret)
    past.use(upstairs.secret)


def _life_of_account(past: Past, account: User) -> Life:
    yield 40 * DAY
    nightly, hourly = past.issue(account, "nightly-load"), past.issue(account, "hourly-stock")
    yield 9 * HOUR
    past.mint(nightly)
    yield 2 * HOUR
    past.mint(hourly)


def _life_of_clara(past: Past, clara: User) -> Life:
    """What an administrator has, and did with others over the months."""
    yield 90 * DAY
    board = past.generate(clara, "status board", None)
    yield 80 * DAY
    set_role(past.services, "marek", Role.COMPOSER, signed_in(clara))
    yield 45 * DAY
    past.use(board.secret)
    yield 20 * DAY
    past.issue(clara, "backup")
    yield 3 * DAY
    for number in range(23):
        past.generate(clara, f"report {number + 1}", 30, with_token(clara, board))


def _life_of_wordy(past: Past) -> Life:
    yield 45 * DAY
    wordy = past.user(WORDY, Role.COMPOSER, PASSWORD)
    set_api_tokens(past.services, WORDY, ApiTokens.ALLOW)
    yield 3 * DAY
    long = past.issue(wordy, LONG_NAME[:255])
    yield 2 * DAY
    found = past.issue(wordy, LONG_WORDS[:255].strip())
    yield DAY
    past.issue(wordy, "<script>alert(1)</script>")
    also_found = past.generate(wordy, LONG_WORDS[:255].strip(), 90)
    yield 3 * HOUR
    shared, hebrew = past.issue(wordy, "quality-checks"), past.issue(wordy, "גיבוי לילי (2)")
    yield HOUR
    past.mint(long)
    past.mint(hebrew)
    fight_over(past.services, shared)
    past.find(found.secret)
    past.find(also_found.secret)
    past.spend_creations(wordy)


def _others(past: Past, clara: User) -> Iterator[Life]:
    """Those who can't do all that one can."""
    yield _denied(past)
    yield _locked(past)
    yield _directory(past, clara)
    for name, age in ((LATE, 80 * HOUR), (NEWCOMER, 5 * HOUR)):
        yield _newcomer(past, name, age)


def _directory(past: Past, clara: User) -> Life:
    """A directory that creates users, with groups that give roles."""
    yield 70 * DAY
    scim = past.services.scim
    token, secret = scim.tokens.create("Entra ID", 365, signed_in(clara))
    credential = Credential(CredentialKind.SCIM_TOKEN, token.public_id)
    caller = Caller("scim:Entra ID", address="192.0.2.80", credential=credential)
    scim.roles.map("Data stewards", Role.STEWARD, signed_in(clara))
    scim.roles.map("Catalog administrators", Role.CATALOG_ADMIN, signed_in(clara))
    people = [scim.users.add(Person(name, f"e-{name}", f"{name}@example.com"), caller).id for name in ("selma", "theo")]
    scim.groups.add(Group("Data stewards", None, frozenset(people)), caller)
    yield 3 * HOUR
    scim.tokens.accept(secret, caller)
    scim.users.change(people[1], lambda user: replace(user.person, is_active=False), caller)


def _denied(past: Past) -> Life:
    yield 60 * DAY
    past.user(DENIED, password=PASSWORD)
    set_api_tokens(past.services, DENIED, ApiTokens.DENY)
    make_service_account(past.services, past.user(OFF), username="svc-reports")
    disable(past.services, OFF)
    gone, renamed = past.user("gone"), past.user("frieda.b")
    past.mint(past.issue(gone, "nightly-etl"))
    yield 9 * DAY
    past.services.accounts.change(renamed.id, {"username": "frieda", "last_name": "Ω"}, OPERATOR)
    past.services.deleting_users.delete(gone.id, OPERATOR)
    past.services.linking.link(renamed.id, named_person(ISSUER, "00u1f96ECLNVOKVMUSEA"), OPERATOR)
    past.services.linking.link(renamed.id, named_person(ISSUER, email="frieda@example.com"), OPERATOR)
    past.services.joining.sign_in(SAID_LONG_AGO, VISIT, None, LAPTOP)


def _leaver(past: Past) -> Life:
    """Who has not signed in with a provider for too long; the linked one is about to."""
    yield 30 * DAY
    gone = past.user("carl")
    yield 6 * DAY
    vouch(past.services, gone, past.present - 20 * DAY)
    configure(past.services, sign_in_valid_days=14)


def _locked(past: Past) -> Life:
    yield 5 * HOUR
    lock_sign_in(past.services, NAMES[-2])


def _newcomer(past: Past, name: str, age: timedelta) -> Life:
    yield age
    past.services.accounts.add(name, Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)


def _sign_ins(past: Past) -> Life:
    for minutes, address, agent in ((25, "192.0.2.44", PHONE), (19, None, None), (8, "2001:db8:0:7::19", LAPTOP)):
        yield timedelta(minutes=minutes)
        past.services.sessions.sign_in(PERSON, PASSWORD, Caller("", address=address), None, user_agent=agent)


def _lives_of_crowd(past: Past, chance: random.Random, crowd: list[User], clara: User) -> Iterator[Life]:
    """Some three hundred tokens; the active ones end at any time in the next sixty days."""
    for number, user in enumerate(crowd):
        off = chance.randint(1, 20) * DAY if number % 13 == 5 else None
        if off:
            yield _disabled(past, user, off, clara)
        for name in chance.sample(SCRIPTS, chance.randint(1, 6)):
            yield _random_script(past, chance, user, name, clara, off or timedelta(0))
        if number % 5 == 0 and not off:
            days, age = chance.choice((30, 90, 365, None)), chance.randint(1, 80) * DAY
            yield _allowed(past, user, chance.choice(SCRIPTS), days, age, clara)


def _random_script(past: Past, chance: random.Random, user: User, name: str, clara: User, off: timedelta) -> Life:
    """Until the user is disabled, so long ago."""
    # Most are younger than their life of sixty days; one in six has ended.
    age = chance.uniform(0.1, 59.9) * DAY if chance.random() < 0.85 else chance.uniform(61, 85) * DAY
    age = max(age, off + DAY)
    times = [chance.uniform(0.02, min(1.9, age / DAY)) * DAY for _ in range(chance.randint(0, 3))]
    mints = [each for each in times if age - each < 60 * DAY and each > off]
    ended = None
    if chance.random() < 0.15 and age < 60 * DAY:
        ended = (min([age, *mints]) * chance.uniform(0.05, 0.9), chance.choice(REASONS))
    return _script(past, user, name, age, mints, ended, clara, used=chance.random() < 0.8)


def _allowed(past: Past, user: User, description: str, days: int | None, age: timedelta, clara: User) -> Life:
    yield age + HOUR
    set_api_tokens(past.services, user.username, ApiTokens.ALLOW, signed_in(clara))
    yield age
    made = past.generate(user, description, days)
    yield age / 2
    past.use(made.secret)


def _disabled(past: Past, user: User, age: timedelta, clara: User) -> Life:
    yield age
    disable(past.services, user.username, signed_in(clara))


def _revoke_in_bulk(past: Past) -> None:
    """Two revocations of many tokens, the first of which has parts left: those of tokens that nobody shows."""
    act = Revocation(past.present - timedelta(seconds=3), ADMINISTRATOR, "the key of the warehouse was in a log")
    with past.database.transaction() as session:
        bulk_revocations.add(session, act, 4_312, 3_977, unmarked=2_610, parts=[[0]])
        bulk_revocations.add(session, replace(act, at=act.at - 3 * DAY), 1_204, 1)
        leases.claim(session, "mark_revoked", "daypass-2:1", act.at, act.at + DAY, None)  # it goes on elsewhere


def _fill_checks(past: Past, chance: random.Random) -> None:
    """More by day than by night, and a few hours in which somebody used a token that had ended."""
    first = past.present.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - (HOURS_OF_CHECKS - 1) * HOUR
    with past.database.transaction() as session:
        for each in range(HOURS_OF_CHECKS):
            hour = first + each * HOUR
            busy = 1.0 if 6 <= hour.hour <= 18 else 0.35
            refused = 900 + chance.randint(0, 400) if each in (29, 30) else chance.randint(5, 60)
            check_counts.add(session, hour, int(busy * chance.randint(3200, 5200)), refused)
