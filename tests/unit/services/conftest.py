"""What the tests of the services share: the same database under other keys, and another clock."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from app.domain.clock import Clock, system_clock
from app.factory import create_app, db
from app.http.context import parts
from app.services import Services
from config import Keys, Settings
from tests.databases import KEYS


@pytest.fixture
def services_with(settings: Settings) -> Iterator[Callable[..., Services]]:
    """Makes one more application on the test's database: `keys` and `clock` as another host might have them."""
    with ExitStack() as at_the_end:

        def make(keys: Keys = KEYS, clock: Clock = system_clock) -> Services:
            app = create_app(settings, keys, clock)
            made = parts(app).services
            at_the_end.enter_context(app.app_context())
            at_the_end.callback(lambda: db.engine.dispose())
            at_the_end.callback(made.close)
            return made

        yield make
