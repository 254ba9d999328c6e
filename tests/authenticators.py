"""An authenticator app: the second factor of a user, added through the services, and its codes at any time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyotp import TOTP

from app.domain.clock import system_clock
from app.domain.identity import Caller, User
from app.domain.sessions import WebSession
from app.services import Services
from app.services.enrolling import Offer
from tests.factories import PASSWORD, signed_in

STEP = timedelta(seconds=30)
PLACE = Caller("", address="192.0.2.1", request_id="r1")


@dataclass
class Authenticator:
    """`recovery_codes`: those that were shown last."""

    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, at: datetime | None = None) -> str:
        """What the app shows at that time; by default now."""
        return TOTP(self.secret).at((at or system_clock()).timestamp().__int__())

    def wrong_code(self, at: datetime | None = None) -> str:
        """One that it does not show within a minute of that time."""
        at = at or system_clock()
        shown = {self.code(at + number * STEP) for number in range(-3, 4)}
        return next(each for each in map("{:06}".format, range(10)) if each not in shown)


def session_of(services: Services, user: User) -> WebSession:
    """Signed in now, by the password alone."""
    cookie = services.sessions.sign_in(user.username, PASSWORD, PLACE, None)
    assert isinstance(cookie, str), "a code is asked for"
    known = services.sessions.find(cookie)
    assert known is not None
    return known


def offered(services: Services, user: User, known: WebSession | None = None) -> tuple[WebSession, Offer]:
    """What a page shows to a user who begins to add a second factor, and the session of that page."""
    known = known or session_of(services, user)
    return known, services.enrolling.offer(known, signed_in(user))


def add_second_factor(
    services: Services, user: User, at: datetime | None = None, known: WebSession | None = None
) -> Authenticator:
    """To a user with the usual password. `at`: of the code that confirms it, which is used up: the step before now."""
    known, offer = offered(services, user, known)
    app = Authenticator(offer.secret)
    app.recovery_codes = services.enrolling.add(
        known, offer.sealed, app.code((at or system_clock()) - STEP), signed_in(user)
    )
    return app
