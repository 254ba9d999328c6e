"""No secret is in the database, in any form, after everything that can happen to one."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.errors import BadCredentials, TokenRefused, TokenSuperseded
from app.services import Services
from app.storage.database import Database
from tests.databases import KEYS
from tests.factories import ANONYMOUS, OPERATOR, PASSWORD, configure, issue, make_user, mint, regenerate, revoke_under
from tests.secrecy import PASSWORD_MARK

TYPED_WRONG = f"{PASSWORD_MARK}-typed-wrong"
TYPED_AS_USERNAME = f"{PASSWORD_MARK}-typed-as-username"
NEW_PASSWORD = f"{PASSWORD_MARK}-of-next-year"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.both_databases
def test_no_secret_is_stored(services: Services, database: Database) -> None:
    """◆ Reads the SQLite file, its WAL and whatever lies beside it, or every row of every PostgreSQL table as text.

    Fails when the audit row of a mint holds the secret (tried: it was found on both databases).
    """
    issued = _story(services)
    stored = _stored(database)
    for handle in ("anna", "nightly-etl", issued[0].split("_")[1]):
        assert handle.encode() in stored, "the search itself finds nothing"
    found = [secret for secret in issued for form in _forms(secret) if form in stored]
    assert not found, f"{len(found)} secrets of tokens are stored"
    passwords = [each.encode() for each in (PASSWORD, NEW_PASSWORD, TYPED_WRONG, TYPED_AS_USERNAME)]
    for secret in (*passwords, *KEYS.token_keys.values(), KEYS.pepper):
        assert not any(form in stored for form in _texts(secret)), "a password or a key is stored"


def _story(services: Services) -> list[str]:
    """Everything that makes, shows, replaces, uses, mistypes and revokes secrets; the secrets."""
    anna = make_user(services, "anna", password=PASSWORD)
    configure(services, access_token_reissue="overlap")
    make = services.issuing.issue_with_password
    for username, password in (("anna", TYPED_WRONG), (TYPED_AS_USERNAME, PASSWORD)):
        with pytest.raises(BadCredentials):
            make(username, password, "nightly-etl", ANONYMOUS)
    first = make("anna", PASSWORD, "nightly-etl", ANONYMOUS)
    access = [mint(services, first) for _ in range(3)]
    for token in access:
        try:
            known = services.verifier.verify(token.secret)
            services.last_use.note(known, "192.0.2.1", f"curl/8 {token.secret}")
        except TokenSuperseded as refused:
            services.sightings.report(refused, ANONYMOUS)
    second = regenerate(services, first)
    with pytest.raises(TokenRefused):
        mint(services, first)
    access.append(mint(services, second))
    revoke_under(services, second.secret, anna.id)
    pasted = issue(services, anna)
    services.revoking.revoke_secret(pasted.secret, "found in a public repository", OPERATOR)
    services.changing_passwords.set("anna", NEW_PASSWORD, OPERATOR)
    services.revoking.revoke_user("anna", "left the company", OPERATOR)
    services.expiring.expire_due()
    services.last_use.flush()
    return [first.secret, second.secret, pasted.secret, *(token.secret for token in access)]


def _stored(database: Database) -> bytes:
    if database.is_sqlite:
        files = sorted(Path(str(database.engine.url.database)).parent.glob("daypass.db*"))
        assert "daypass.db-wal" in {file.name for file in files}
        return b"".join(file.read_bytes() for file in files)
    with database.engine.connect() as connection:
        tables = connection.scalars(
            text("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public'")
        ).all()
        assert "access_tokens" in tables and "alembic_version" in tables
        rows = [row for table in tables for row in connection.scalars(text(f"SELECT t::text FROM {table} t"))]
    return "\n".join(rows).encode()


def _forms(token: str) -> Iterator[bytes]:
    """The spellings under which the secret of a token could be stored: as it is, and the bytes behind it."""
    secret = token.rpartition("_")[2]
    number = 0
    for character in secret[:43]:
        number = number * 62 + BASE62.index(character)
    yield from (secret.encode(), secret[:43].encode())
    yield from _texts(secret[:43].encode())
    yield from _texts(number.to_bytes(32, "big"))


def _texts(raw: bytes) -> tuple[bytes, ...]:
    return raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"=")
