"""Strict parsing of request bodies: JSON, form or multipart, mostly at most 16 KiB, JSON at most 8 levels deep.

Not here: the members of a body (each dialect's ``schemas``).
"""

import json
import math
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

from flask import Request, has_request_context
from flask import request as current_request
from werkzeug.exceptions import ClientDisconnected, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType

from app.domain.errors import BadRequest
from app.http.places import Places
from app.http.strays import MEMBERS
from app.http.turns import TURNS, Turns

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Value = TypeVar("Value")

LARGEST_BODY = 16 * 1024
LARGEST_BATCH_BODY = 128 * 1024
"""Of many tokens, from who has authenticated: a thousand, with line breaks between them."""

LARGEST_SCIM_BODY = 512 * 1024
"""Of SCIM, behind its own credential: a group with 10,000 members."""

DEEPEST_JSON = 8
MOST_FIELDS = 100

WITH_BODY = ("POST", "PUT", "PATCH")

PATIENCE_SECONDS = 0.1
"""How long a body waits for a place where places are few."""

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
SCIM = "application/scim+json"


class BodyReader:
    """Reads bodies.

    A slow one occupies a thread. Under ``daypass serve`` that is one of many that are there for nothing else
    (:class:`Turns`). Another server may have none to spare: there at most `at_once` bodies are read at once, so that
    slow clients cannot occupy all threads. Beyond, requests with a body are refused with 503, and requests without one
    (the check) go on.
    """

    def __init__(self, at_once: int) -> None:
        self._places = Places(at_once)

    def read(self, request: Request, largest: int = LARGEST_BODY) -> dict[str, Any]:
        """The members of the body; empty when there is none. `largest`: in bytes.

        Refuses with BadRequest (malformed), 413 (too large), 415 (another media type) and Unavailable.
        """
        members = request.environ[MEMBERS] = _members(request, self._raw(request, largest))
        return members

    def read_scim(self, request: Request) -> dict[str, Any]:
        """The same of SCIM, whose bodies may be larger and have a media type of their own (RFC 7644, section 8.1)."""
        if request.mimetype not in (SCIM, JSON):
            raise UnsupportedMediaType
        members = request.environ[MEMBERS] = parse_json(self._raw(request, LARGEST_SCIM_BODY))
        return members

    def _raw(self, request: Request, largest: int) -> bytes:
        if request.content_length is not None and request.content_length > largest:
            raise _too_large(largest)
        with self._place(request.environ):
            if request.environ.get("SERVER_PROTOCOL") == "HTTP/2":
                _receive_http2(request)
            return self._receive(request, largest)

    def aside(self) -> AbstractContextManager[None]:
        """A place for a request that waits for another server: it has no turn meanwhile, as for a slow body."""
        return self._place(current_request.environ) if has_request_context() else nullcontext()

    def receive(self, environ: "WSGIEnvironment", length: int) -> bytes:
        """The body of a request that Flask has not seen, of a length that is known; shorter if not all of it comes.

        Refuses with Unavailable.
        """
        raw = b""
        with self._place(environ):
            try:
                while len(raw) < length and (more := environ["wsgi.input"].read(length - len(raw))):
                    raw += more
            except (OSError, ValueError):  # what servers raise for a connection that ended
                pass
        return raw

    def _place(self, environ: "WSGIEnvironment") -> AbstractContextManager[None]:
        turns: Turns | None = environ.get(TURNS)
        return turns.receiving() if turns else self._places.taken(PATIENCE_SECONDS)

    @staticmethod
    def _receive(request: Request, largest: int) -> bytes:
        """The bytes; they stay cached on the request, for the form parser."""
        # Without a Content-Length, Werkzeug reads up to this limit and silently drops the rest.
        request.max_content_length = largest + 1
        try:
            raw = request.get_data(cache=True)
        except ClientDisconnected as error:  # also for broken chunks
            raise BadRequest("The request's body could not be received.") from error
        if len(raw) > largest:
            raise _too_large(largest)
        if request.content_length is not None and len(raw) != request.content_length:
            raise BadRequest("The request's body is shorter than its Content-Length.")
        return raw


def _too_large(largest: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The request's body is larger than {largest // 1024} KiB.")


def _receive_http2(request: Request) -> None:
    """Receive the body at once, of a length that is known; refuses with 411 without one.

    granian reads a part of a body on and on when the connection of an HTTP/2 stream has ended, so that its place would
    never be free again; reading all of it ends.
    """
    if request.content_length is None and request.method in WITH_BODY:
        raise LengthRequired
    if request.content_length:
        request.environ["wsgi.input"] = BytesIO(request.environ["wsgi.input"].read())


def _members(request: Request, raw: bytes) -> dict[str, Any]:
    if request.mimetype == JSON:
        return parse_json(raw)
    if request.mimetype == FORM:
        return parse_form(raw)
    if request.mimetype == MULTIPART:
        return _parse_multipart(request)
    if raw:
        raise UnsupportedMediaType
    return {}


def parse_json(raw: bytes) -> dict[str, Any]:
    """A JSON object, strictly by RFC 8259 and with unique member names; refuses with BadRequest."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except BadRequest:
        raise
    except (ValueError, RecursionError):
        raise BadRequest("JSON parse error: the request's body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise BadRequest("The request's body must be a JSON object.")
    _check(value, 1)
    return value


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequest("The request's body names a member twice.")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _check(value: object, depth: int) -> None:
    """Refuse what the parser accepts: deep nesting and lone surrogates."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadRequest("The request's body holds a lone surrogate.") from None
    if not isinstance(value, dict | list):
        return
    if depth > DEEPEST_JSON:
        raise BadRequest(f"The request's body nests deeper than {DEEPEST_JSON}.")
    for each in [*value, *value.values()] if isinstance(value, dict) else value:
        _check(each, depth + 1)


def parse_form(raw: bytes) -> dict[str, str]:
    """The members of a form, in UTF-8 and with unique names; refuses with BadRequest."""
    try:
        # Raw bytes, as `curl -d` sends them, count as percent-encoded.
        text = raw.decode("utf-8")
        if _is_plain(text):  # most forms are, and this takes a quarter of the time
            pairs = [field.partition("=")[::2] for field in text.split("&") if field]
        else:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadRequest("The request's body is not a valid form in UTF-8.") from None
    return _unique(pairs)


def _is_plain(form: str) -> bool:
    """Whether nothing in a form is encoded, and its fields are few enough."""
    return "%" not in form and "+" not in form and form.count("&") < MOST_FIELDS


def _parse_multipart(request: Request) -> dict[str, Any]:
    try:
        pairs = list(request.form.items(multi=True))
        files = [(name, "") for name in request.files]
    except RequestEntityTooLarge:
        raise
    except Exception as error:
        raise BadRequest("The request's body is not valid multipart/form-data.") from error
    if any(not name or "\ufffd" in name + value for name, value in pairs + files):
        raise BadRequest("The request's body has a part without a name, or one that is not in UTF-8.")
    _unique(pairs + files)  # files are unknown members, of a unique name too
    return dict(pairs)
