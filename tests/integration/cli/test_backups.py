"""``daypass backup`` and ``restore`` where the database is not replaced. With files: ``tests/environment``."""

import errno
import os
from pathlib import Path

import click
import pytest

from app.cli.restoring import put_in_place
from app.domain.clock import system_clock
from app.http.context import parts
from app.storage import replacing
from tests.databases import KEYS
from tests.factories import issue, make_user, works
from tests.integration.cli.conftest import CommandLine


@pytest.fixture
def with_keys(installed: CommandLine, environment: pytest.MonkeyPatch) -> CommandLine:
    ring = ",".join(f"{key}:{value.hex()}" for key, value in KEYS.token_keys.items())
    environment.setenv("DAYPASS_TOKEN_KEYS", ring)
    environment.setenv("DAYPASS_PASSWORD_PEPPER", KEYS.pepper.hex())
    return installed


@pytest.mark.both_databases
def test_a_restore_by_other_means_is_completed_without_a_file(with_keys: CommandLine, database_url: str) -> None:
    services = parts(with_keys.create()).services
    refresh = issue(services, make_user(services, "anna"))
    refusal = with_keys.refusal("restore", "--revoked-since", "keep")
    assert "then run this again" in refusal and ("in use" in refusal or "connected" in refusal)
    with_keys.end()
    done = with_keys.json("restore", "--revoked-since", "keep")
    services = parts(with_keys.create()).services
    assert (done["revoked_since"], done["refresh_tokens"], works(services, refresh)) == ("keep", 0, True)
    with_keys.end()
    assert "Revoked 1 refresh token and 0 access tokens." in with_keys.text("restore", "--revoked-since", "revoke-all")
    assert not works(parts(with_keys.create()).services, refresh)
    assert "needs the backup FILE" in with_keys.misuse("restore", "--revoked-since", "old")
    assert "a file that exists" in with_keys.misuse("restore", "--revoked-since", "missing.jsonl")
    if database_url.startswith("postgresql"):
        assert "pg_dump" in with_keys.refusal("backup", "file")
        assert "pg_restore" in with_keys.refusal("restore", "file", "--revoked-since", "keep")


def test_a_restore_in_a_new_place_needs_the_keys_first(installed: CommandLine, environment: pytest.MonkeyPatch) -> None:
    assert "restore the keys first" in installed.refusal("restore", "file", "--revoked-since", "keep")


@pytest.mark.parametrize("synced", range(5))
def test_a_restore_says_unchanged_only_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: int
) -> None:
    """The disk fails at each of the steps. Fails when what happens after the decision counts as nothing."""
    path = tmp_path / "daypass.db"
    path.write_text("old")
    replacing.staging_file(path).write_text("new")
    left = synced

    def fail(_path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(replacing, "sync", fail)
    with pytest.raises(OSError if synced < 2 else click.ClickException) as failed:
        put_in_place(path, system_clock())
    is_decided = replacing.is_decided(path) or path.read_text() == "new"
    assert is_decided is isinstance(failed.value, click.ClickException)
