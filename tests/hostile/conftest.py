"""One application for all tests of hostile providers in a module; each issuer in it has a name of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from app.factory import create_app
from app.providers import fetching
from app.services import sightings
from config import Settings
from config.oidc import ProviderSettings
from tests.contract.conftest import MovableClock
from tests.databases import CHEAPEST_COST, KEYS, KINDS_OF_DATABASE, SqliteFiles, close
from tests.drivers.provider import CLIENT, SECRET, Provider
from tests.factories import configure
from tests.hostile.provided import ROLES, Provided
from tests.patience import PATIENCE_SECONDS

NUMBERED = 40
"""Issuers of which nothing is known yet when a test begins, if no other test has the same number; from `issuer-0`."""


@contextmanager
def providing(url: str, folder: Path, provider: Provider) -> Iterator[Provided]:
    """The application on that database, and what it asks of the provider."""
    names, clock = ("honest", "other", *(f"issuer-{number}" for number in range(NUMBERED))), MovableClock()
    providers = tuple(
        ProviderSettings(
            name=name, issuer=f"{provider.url}/{name}", client_id=CLIENT, client_secret=SECRET, role_claim="groups",
            role_map=ROLES, scim_match="externalId=sub",
        )
        for name in names
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sightings, "MOST_A_MINUTE", 1_000_000)  # a test of its own says what a crowd may write
        patched.setattr(fetching, "Fetching", partial(fetching.Fetching, seconds=PATIENCE_SECONDS))
        settings = Settings(instance=str(folder), database_url=url, bcrypt_cost=CHEAPEST_COST, providers=providers)
        provided = Provided(create_app(settings, KEYS, clock), clock, provider)
        configure(provided.services, oidc_create_users="on")
        yield provided
        close(provided.app)


@pytest.fixture(scope="module")
def provided(
    provider: Provider, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provided]:
    folder = tmp_path_factory.mktemp("provided")
    with sqlite_files.fresh(folder) as url, providing(url, folder, provider) as provided:
        yield provided


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def provided_on_each(
    request: pytest.FixtureRequest, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provided]:
    """The same on each kind of database."""
    folder = tmp_path_factory.mktemp("provided")
    is_sqlite = request.param == "sqlite"
    databases = request.getfixturevalue("sqlite_files" if is_sqlite else "postgres")
    with databases.fresh(*[folder] * is_sqlite) as url, providing(url, folder, provider) as provided:
        yield provided
