"""Web sessions: signing in and out, entering the password again, and ending others.

The browser's cookie holds a random id; only its keyed digest is stored. The user is read with the session each time.
Not here: the cookie (``app.web``).
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.clock import Clock
from app.domain.devices import device_of
from app.domain.errors import BadCredentials, NotFound, SignInRefused, Unavailable
from app.domain.identity import Caller, User
from app.domain.ladder import Act
from app.domain.seals import Seal
from app.domain.sessions import MOST, WebSession
from app.domain.sign_ins import Arrival
from app.services.accounts import Accounts
from app.services.beginning import BeginningSessions, new_cookie
from app.services.kept_forms import KeptForms
from app.services.known_devices import KnownDevices
from app.services.named_users import existing_user
from app.services.password_proofs import Proof
from app.services.password_sign_in import may_by_password, refuse_unless_by_password
from app.services.permitting import refuse_unless_allowed
from app.services.refused_sign_ins import subject_of
from app.services.second_factors import SecondFactors
from app.services.second_steps import SecondStep, SecondSteps
from app.storage import second_factors, sessions, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")

SEEN_EVERY_SECONDS = 60
"""How often at most `seen_at` is updated."""


@dataclass(frozen=True)
class WaitsForCode:
    """The password is right, and a code is asked for next. `text`: what the browser keeps until then."""

    text: str = field(repr=False)


class Sessions:
    """Manages sessions. `cookie`: the browser's value. `key`: a secret of the instance."""

    def __init__(
        self, database: Database, clock: Clock, accounts: Accounts, second_factors: SecondFactors, key: bytes
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._second_factors = second_factors
        self._second_steps = SecondSteps(database, key)
        self.known_devices = KnownDevices(clock, key)
        self.kept_forms = KeptForms(key)
        self._seal = Seal(key, "session")
        self.beginning = BeginningSessions(self._seal)
        self._forms = Seal(key, "form")

    @staticmethod
    def new_cookie() -> str:
        """A new random value."""
        return new_cookie()

    def sign_in(
        self,
        username: str,
        password: str,
        caller: Caller,
        before: str | None,
        device: str | None = None,
        user_agent: str | None = None,
    ) -> str | WaitsForCode:
        """Create a session for the user with this name and password; its cookie.

        Of an account with a second factor: a text that this browser keeps for :meth:`second_step`. `before`: the
        previous cookie, whose session ends. `device`, and refusals: as :meth:`Accounts.authenticate`; and with
        SignInRefused who may not sign in with a password.
        """
        while True:
            proof = self._accounts.authenticate(username, password, caller, device, asks_code=True)
            self._refuse_unless_by_password(proof.user, caller)
            if proof.needs_code:
                return WaitsForCode(self._second_steps.text_of(proof, before or "", self._clock()))
            cookie = self._begin(proof, caller, before, device_of(user_agent))
            if cookie is not None:
                return cookie
            # The password or its digest was changed, or a second factor added, meanwhile: check it again.

    def _begin(self, proof: Proof, caller: Caller, before: str | None, device: str) -> str | None:
        """The cookie of a new session; None where the proof is not valid any more."""
        with self._database.transaction() as session:
            owner = users.get_and_lock(session, proof.user.id)
            if owner is None:
                raise BadCredentials
            if owner.password_hash != proof.digest or second_factors.stored(session, owner.id) is not None:
                return None
            arrival = Arrival(detail=proof.detail)
            return self.beginning.begin(session, owner, arrival, caller, self._clock(), before, device)

    def second_step(self, text: str | None, before: str | None) -> SecondStep | None:
        """Who has shown the password in this browser and is asked for a code; None where nobody is, or too late."""
        return self._second_steps.find(text, before, self._clock())

    def sign_in_with_code(
        self,
        step: SecondStep,
        code: str,
        caller: Caller,
        before: str | None,
        device: str | None = None,
        user_agent: str | None = None,
    ) -> str:
        """Create a session for a user who has shown the password, with a code of the second factor; its cookie.

        The code is used up in the same transaction. Refuses as :meth:`SecondFactors.after_code`, and with
        BadCredentials where the password was changed meanwhile.
        """

        def begin(session: Session, owner: UserRow) -> str:
            if owner.password_hash != step.digest:
                raise BadCredentials
            arrival, agent = Arrival(detail=step.detail), device_of(user_agent)
            return self.beginning.begin(session, owner, arrival, caller, self._clock(), before, agent)

        return self._second_factors.after_code(step.user, code, caller, device, begin)

    def _refuse_unless_by_password(self, user: User, caller: Caller) -> None:
        """Before anything else is asked for; what begins a session looks again."""
        try:
            with self._database.reading() as session:
                refuse_unless_by_password(session, user, self._clock())
        except SignInRefused:
            self._accounts.sightings.note(SIGN_IN_REFUSED, subject_of(user), caller, reason="password sign-in is off")
            raise

    def find(self, cookie: str | None) -> WebSession | None:
        """The session of this cookie, unless it has ended."""
        if cookie is None or not COOKIE.fullmatch(cookie):
            return None
        with self._database.reading() as session:
            found = sessions.find(session, self._digest(cookie))
        now = self._clock()
        if found is None or found.is_over(now):
            return None
        if (now - found.seen_at).total_seconds() >= SEEN_EVERY_SECONDS:
            with suppress(Unavailable), self._database.transaction() as session:  # a page must not fail for it
                sessions.touch(session, found.id, seen_at=now)
        return found

    def find_ended(self, cookie: str | None) -> WebSession | None:
        """The session of this cookie that ended by itself, while it is kept."""
        if cookie is None:
            return None
        with self._database.reading() as session:
            found = sessions.find(session, self._digest(cookie))
        return found if found is not None and found.is_over(self._clock()) else None

    def prove(self, known: WebSession, password: str, caller: Caller, code: str = "") -> str:
        """The user entered the password again, and a code where the account has a second factor: as :meth:`renew`.

        Refuses as :meth:`sign_in` and :meth:`SecondFactors.after_code` too.
        """
        device = device_in(known)
        self._refuse_unless_by_password(known.user, caller)
        proof = self._accounts.authenticate(known.user.username, password, caller, device, asks_code=True)
        if not proof.needs_code:
            return self.renew(known)

        def renew(session: Session, _: UserRow) -> str:
            return self.beginning.renew(session, known, self._clock())

        return self._second_factors.after_code(known.user, code, caller, device, renew)

    def renew(self, known: WebSession, *, is_proof: bool = True) -> str:
        """The new cookie of a session whose password was entered again (:meth:`BeginningSessions.renew`).

        `is_proof`: whether all was shown that proves who the user is; a password proves nothing where it signs nobody
        in on the pages.
        """
        with self._database.transaction() as session:
            now = self._clock()
            proves = is_proof and may_by_password(session, known.user, now)
            return self.beginning.renew(session, known, now if proves else known.proved_at)

    def is_fresh(self, known: WebSession) -> bool:
        """Whether the user proved recently who they are (:meth:`WebSession.is_fresh`)."""
        return known.is_fresh(self._clock())

    def sign_out(self, cookie: str, caller: Caller) -> None:
        """End the session of this cookie, if any."""
        with self._database.transaction() as session:
            found = sessions.find(session, self._digest(cookie))  # may have ended: the caller is not known then
            if found is not None:
                users.lock(session, found.user.id)
            if found is not None and sessions.end(session, self._digest(cookie)) is not None:
                known = caller.as_user(found.user.id, found.user.username, found.credential)
                record(session, self._clock(), known, "session.ended", ("user", known.name), number=found.id)

    def of_user(self, user_id: int) -> list[WebSession]:
        """A user's sessions that have not ended, newest first; at most :data:`MOST`."""
        with self._database.reading() as session:
            found = sessions.of_user(session, user_id, MOST)
        now = self._clock()
        return [each for each in found if not each.is_over(now)]

    def end(self, known: WebSession, number: int, caller: Caller) -> None:
        """End one of the user's sessions, by its id; refuses with NotFound."""
        with self._database.transaction() as session:
            users.lock(session, known.user.id)
            if not sessions.end_numbered(session, known.user.id, number):
                raise NotFound("session")
            subject = ("user", known.user.username)
            record(session, self._clock(), caller, "session.ended", subject, number=number)

    def end_all(self, user: int | str, caller: Caller, keeps: int | None = None) -> int:
        """End all sessions of a user, by id or name, except the one with the id `keeps`; how many.

        Refuses with NotFound and NotPermitted.
        """
        with self._database.transaction() as session:
            row, now = existing_user(session, user), self._clock()
            if row.id != caller.user_id:
                refuse_unless_allowed(session, Act.END_SESSIONS_OF_OTHERS, caller)
            users.lock(session, row.id)  # what is made in a session locks it too, and looks whether that has ended
            others = [each for each in sessions.of_user(session, row.id, MOST) if each.id != keeps]
            sessions.end_of_user(session, row.id, but=keeps)
            ended = sum(not each.is_over(now) for each in others)
            if ended or row.id != caller.user_id:  # without limit, users can repeat what changes nothing
                record(session, now, caller, "user.sessions_ended", ("user", row.username), sessions=ended)
        return ended

    def form_token(self, cookie: str, known: WebSession | None) -> str:
        """The CSRF token of forms for this browser: in a session, for all its cookies, as its pages stay open."""
        return self._forms.of(*_browser(cookie, known))

    def is_form_token(self, cookie: str, known: WebSession | None, token: str) -> bool:
        """Whether `token` is the CSRF token of this browser, compared in constant time."""
        return self._forms.fits(token, *_browser(cookie, known))

    def _digest(self, cookie: str) -> str:
        return self._seal.of(cookie)


def _browser(cookie: str, known: WebSession | None) -> tuple[str, str]:
    return ("cookie", cookie) if known is None else ("session", str(known.id))


def device_in(known: WebSession) -> str:
    """The account signed in there: to enter the password again, no stranger can use up the attempts."""
    return str(known.credential)
