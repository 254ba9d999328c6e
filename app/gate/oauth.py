"""OAuth's introspection and revocation in front of Flask: for clients and tokens, at the price of their MACs.

Other requests go on into Flask, and so do those with a user's password; what is refused and said there is the same.
Not here: the verdicts (``app.services``), the members of an answer and the table of refusals (``app.http``).
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

import structlog
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

from app.domain.errors import BadRequest, NotFound, Refusal, TokenMalformed, TokenRefused, TokenSuperseded
from app.domain.identity import Caller, Principal, Role
from app.domain.oauth_client import WITH_ITS_SECRET
from app.gate.oauth_answers import Answer, Answers
from app.gate.oauth_requests import Asked, length_of_form
from app.http.body import parse_form
from app.http.context import Parts, caller_of, note_use
from app.http.credentials import access_token_text, basic_credentials
from app.http.guards import refuse_unless_may_introspect
from app.http.introspection import Members, introspected
from app.http.oauth_refusals import MISSING
from app.http.sent_client import sent_client
from app.http.strays import MEMBERS, look_for_strays
from app.http.tracing import line_of
from app.services.clients import as_client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG = structlog.get_logger(__name__)
_STANDARD = logging.getLogger(__name__)
"""Asked first, because a line of structlog costs more than an introspection."""


_REQUEST_ID = ContextVar[str](f"{STRUCTLOG_KEY_PREFIX}request_id")
"""In every line of the log while it is set: what ``bind_contextvars`` does, at a fifth of its price."""


class _ForFlask(Exception):
    """The request is one that only Flask answers."""


class OAuth:
    """Answers introspection and revocation, or passes them on to `application`."""

    def __init__(self, application: "WSGIApplication", parts: Parts) -> None:
        services = parts.services
        self._application = application
        self._hosts, self._bodies, self._proxies = parts.hosts, parts.bodies, parts.proxies
        self._clients, self._verifier = services.clients, services.verifier
        self._introspecting, self._revoking = services.introspecting, services.revoking
        self._last_use, self._sightings, self._strays = services.last_use, services.sightings, services.strays
        self._issuer = str(parts.public_url) if parts.public_url else None
        self._answers = Answers(parts.public_url, parts.proxies)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse", path: str) -> Iterable[bytes]:
        """`path`: the one of ``oauth_requests.PATHS`` that the request names."""
        length = length_of_form(environ, self._hosts)
        if length is None:
            return self._application(environ, start_response)
        asked = Asked(environ, path)
        in_log = _REQUEST_ID.set(asked.id)
        try:
            answer = self._answer(asked, length)
            if answer is not None:
                self._trace(asked, answer)
        finally:
            _REQUEST_ID.reset(in_log)
        if answer is None:
            return self._application(environ, start_response)
        start_response(answer.line, answer.headers)
        return [answer.body]

    def _answer(self, asked: Asked, length: int) -> Answer | None:
        """The answer; None where Flask gives it, which finds the same body."""
        raw = None
        try:
            raw = self._bodies.receive(asked.environ, length)
            if len(raw) == length:
                asked.form = asked.environ[MEMBERS] = parse_form(raw)
                return self._answers.success(asked, self._members(asked))
        except Refusal as refusal:
            if isinstance(refusal, TokenSuperseded | TokenMalformed):
                self._sightings.report(refusal, self._caller(asked))
            return self._answers.refusal(asked, refusal)
        except _ForFlask:
            pass
        except Exception as error:  # Flask meets it again, and answers it as everywhere
            LOG.warning("gate_gave_up", exc_info=error)
        if raw is not None:
            asked.environ["wsgi.input"] = BytesIO(raw)
        return None

    def _members(self, asked: Asked) -> Members | None:
        """The members of the answer; None where it has none. Refuses as the services do."""
        self._authenticate(asked)
        token = asked.form.get("token")
        if not token:
            raise BadRequest(MISSING.format("token"))
        if not asked.is_introspection:
            with suppress(TokenRefused, NotFound):  # NotFound: purged meanwhile
                self._revoke(asked, token)
            return None
        hint = asked.form.get("token_type_hint", "")
        find = asked.rows and asked.rows.find_token
        known = self._introspecting.introspect(token, hint, lambda: self._caller(asked), asked.client, find)
        return introspected(known, self._issuer)

    def _revoke(self, asked: Asked, token: str) -> None:
        caller = self._caller(asked)
        only_of = None if caller.role is Role.SERVER_ADMIN else caller.user_id
        self._revoking.revoke_secret(token, WITH_ITS_SECRET, caller, only_of, client=asked.client)

    def _authenticate(self, asked: Asked) -> None:
        """As the guards of ``app.http.oauth_guards``; passwords are left to them."""
        environ = asked.environ
        authorization = "" if "HTTP_TOKEN" in environ else environ.get("HTTP_AUTHORIZATION", "")
        sent = sent_client(authorization, asked.form, self._clients.parse_secret)
        if sent is not None and self._clients.is_access_token(sent):
            with as_client():
                self._verify(asked, sent.secret)
        elif sent is not None:
            if asked.is_introspection:
                asked.rows = self._introspecting.read_both(sent, asked.form.get("token", ""))
            asked.client = self._clients.authenticate(sent, asked.rows and asked.rows.find_client)
        elif basic_credentials(authorization) is not None:
            raise _ForFlask
        elif asked.is_introspection or "HTTP_TOKEN" in environ or "HTTP_AUTHORIZATION" in environ:
            self._verify(asked, access_token_text(environ))

    def _verify(self, asked: Asked, text: str) -> None:
        def permit(known: Principal) -> None:
            asked.principal = known
            note_use(self._last_use, known, asked.environ, self._proxies)
            if asked.is_introspection:
                refuse_unless_may_introspect(known.role)

        self._verifier.verify(text, permit=permit)

    def _caller(self, asked: Asked) -> Caller:
        return caller_of(asked.known, asked.environ, self._proxies, asked.id)

    def _trace(self, asked: Asked, answer: Answer) -> None:
        look_for_strays(self._strays, asked.environ, lambda: self._caller(asked))
        is_routine = asked.is_introspection and answer.status == HTTPStatus.OK  # as a check, which has no line
        if is_routine and not _STANDARD.isEnabledFor(logging.DEBUG):
            return
        line = line_of(asked.environ, asked.path, asked.started, asked.principal, self._proxies)
        result = {"status": answer.status, "reason": answer.reason, "mistake": answer.mistake}
        (LOG.debug if is_routine else LOG.info)("request", **line, **result)
