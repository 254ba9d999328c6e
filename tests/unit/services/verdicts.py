"""What the services answer, as tests compare it, and the instants at which the tests happen."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.domain.errors import Refusal, TokenRefused
from app.domain.tokens import AccessToken
from app.services import Services
from tests.factories import Access, Refresh, validate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class MovedClock:
    """Shows what the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def refusal_of(act: Callable[[], object]) -> type[Refusal] | None:
    """The kind of refusal an act ends with; None where it succeeds."""
    try:
        act()
    except Refusal as refusal:
        return type(refusal)
    return None


def reason(services: Services, issued: Access | Refresh) -> str | None:
    """Why a token of either tier is refused; None where it works."""
    is_access = isinstance(issued.token, AccessToken)
    try:
        id = services.verifier.verify(issued.secret).token_id if is_access else validate(services, issued.secret).id
    except TokenRefused as refused:
        return refused.reason
    assert id == issued.token.id
    return None


def works(services: Services, issued: Access | Refresh) -> bool:
    return reason(services, issued) is None
