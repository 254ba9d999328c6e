"""What several of these tests ask for: other users of the machine."""

from collections.abc import Iterator

import pytest

from tests.drivers.other_user import OtherUsers


@pytest.fixture(scope="session")
def users() -> Iterator[OtherUsers]:
    """One process for all commands of other users, because starting it costs more than they do."""
    users = OtherUsers()
    yield users
    users.close()
