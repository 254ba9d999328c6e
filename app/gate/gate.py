"""The WSGI application in front of Flask: answers ``/auth/verify``, and passes on everything else.

Introspection and revocation are answered in ``oauth``. Of checks, any method is, with or without a slash at the end,
with one or several at the start; the body is not read. Longer paths are not answered: a proxy that appends its client's
path and query would let the client set the conditions. Under any host name: proxies ask under the API's.
"""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from app.domain.errors import BadRequest, Refusal, TokenMalformed, TokenSuperseded, Unavailable
from app.domain.identity import Caller, Principal, refuse_unless_may_use_apis
from app.gate.answers import COMMON, identity_headers, refusal_answer
from app.gate.conditions import conditions_of
from app.gate.oauth import OAuth
from app.gate.oauth_requests import PATHS as OAUTH_PATHS
from app.http.context import Parts, note_use
from app.http.credentials import access_token_text
from app.http.hosts import NO_ONE_HOST, has_one_host
from app.http.proxies import client_address
from app.http.slashes import with_one_slash
from app.http.strays import look_for_strays

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG = structlog.get_logger(__name__)

PATHS = ("/auth/verify", "/auth/verify/")


class Gate:
    """Answers checks without entering `application`, with the same services."""

    def __init__(self, application: "WSGIApplication", parts: Parts) -> None:
        self._application = application
        self._verify = parts.services.verifier.verify
        self._last_use = parts.services.last_use
        self._sightings = parts.services.sightings
        self._strays = parts.services.strays
        self._proxies = parts.proxies
        self._below = parts.public_url.path if parts.public_url else ""
        self._checks = frozenset(prefix + path for path in PATHS for prefix in ("", self._below))
        self._oauth_paths = {prefix + path: path for path in OAUTH_PATHS for prefix in ("", self._below)}
        self._oauth = OAuth(application, parts)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in self._checks:
            path = with_one_slash(path, self._below) if "//" in path else path
            if path in self._oauth_paths:
                return self._oauth(environ, start_response, self._oauth_paths[path])
            if path not in self._checks:
                return self._application(environ, start_response)
        try:
            if not has_one_host(environ):
                raise BadRequest(NO_ONE_HOST)
            text = access_token_text(environ)
            principal = self._verify(text, permit=lambda known: self._refuse_unless_permitted(known, environ))
            if note_use(self._last_use, principal, environ, self._proxies):  # now and then: a check has no time for it
                look_for_strays(self._strays, environ, lambda: self._caller(environ, principal))
        except Refusal as refusal:
            return self._refuse(refusal, environ, start_response)
        except Exception as error:  # refused, and may be tried again
            LOG.error("check_failed", exc_info=error)
            return self._refuse(Unavailable("an error that was logged"), environ, start_response)
        start_response("200 OK", [*identity_headers(principal), *COMMON, ("Content-Length", "0")])
        return [b""]

    @staticmethod
    def _refuse_unless_permitted(principal: Principal, environ: "WSGIEnvironment") -> None:
        refuse_unless_may_use_apis(principal.role)
        query = environ.get("QUERY_STRING")
        if query:
            conditions_of(query).refuse_unless_met(principal)

    def _caller(self, environ: "WSGIEnvironment", known: Principal) -> Caller:
        address = client_address(environ, self._proxies)
        return Caller(known.username, known.user_id, address, credential=known.credential)

    def _refuse(self, refusal: Refusal, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        address, request_id = client_address(environ, self._proxies), uuid.uuid4().hex
        if isinstance(refusal, TokenSuperseded | TokenMalformed):
            self._sightings.report(refusal, Caller("", address=address, request_id=request_id))
        look_for_strays(self._strays, environ, lambda: Caller("", address=address, request_id=request_id))
        status, headers, body = refusal_answer(refusal, environ)
        LOG.info(
            "check_refused",
            request_id=request_id,
            status=int(status[:3]),
            reason=refusal.reason,
            mistake=getattr(refusal, "mistake", None),
            address=address,
            token_id=getattr(refusal, "public_id", None),
        )
        start_response(status, [*headers, ("X-Request-Id", request_id)])
        return [body]
