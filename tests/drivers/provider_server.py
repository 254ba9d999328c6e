"""An OpenID provider that does what it is told, in a process of its own: ``python -m tests.drivers.provider_server``.

Each first part of a path, such as ``/a/``, is an issuer with keys, codes and behaviour of its own. An issuer is strict
and honest until ``POST /control/<issuer>/behave`` says otherwise; :mod:`tests.drivers.provider` lists the knobs. The
person is always there: the authorization endpoint sends the browser back at once. The first line of standard output is
the port; the process ends with its standard input.
"""

import base64
import hashlib
import json
import secrets
import sys
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.drivers.provider import CLIENT, SECRET
from tests.drivers.provider_tokens import LIFETIME_SECONDS, Claims, changed, half_hash, key_set, now, sign

ANNA = {"sub": "248289761001", "preferred_username": "anna", "email": "anna@example.com", "email_verified": True}

HONEST: dict[str, Any] = {
    "person": ANNA, "signed_in": None, "ignores_fresh": False, "claims": {}, "header": {}, "signed_by": "key",
    "userinfo": {}, "callback": {}, "answers": {}, "codes_again": False, "any_client": False,
}  # fmt: skip

ENDPOINTS = {
    "/.well-known/openid-configuration": "discovery", "/keys": "keys", "/authorize": "authorize", "/token": "token",
    "/userinfo": "userinfo", "/logout": "logout",
}  # fmt: skip

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Issuer:
    """`codes`: by code, the authorization request, the time of sign-in and the person; `told`: by access token."""

    name: str
    url: str
    behaviour: dict[str, Any] = field(default_factory=lambda: dict(HONEST))
    codes: dict[str, tuple[dict[str, str], int, Claims]] = field(default_factory=dict)
    told: dict[str, Claims] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    session: str = field(default_factory=lambda: secrets.token_hex(8))
    signed_in_at: int = field(default_factory=now)

    def discovery(self) -> Answer:
        return _json({
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo", "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/logout",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True, "backchannel_logout_session_supported": True,
        })  # fmt: skip

    def keys(self) -> Answer:
        return _json(key_set(self.name))

    def authorize(self, asked: dict[str, str]) -> Answer:
        """Back to the client with a code; a page for what no client may be sent back with."""
        if asked.get("client_id") != CLIENT or not asked.get("redirect_uri", "").startswith("http"):
            return 400, {}, b"unknown client"
        is_sound = asked.get("response_type") == "code" and "openid" in asked.get("scope", "").split()
        if not is_sound or asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return self._back(asked, {"error": "invalid_request"})
        code = secrets.token_urlsafe(24)
        self.codes[code] = (asked, self._proved(asked), self.behaviour["person"])
        return self._back(asked, {"code": code})

    def _proved(self, asked: dict[str, str]) -> int:
        """When the person last proved who they are; now where that is asked for."""
        if self.behaviour["signed_in"] is not None:
            self.signed_in_at = now() - int(self.behaviour["signed_in"])
        too_old = now() - self.signed_in_at > int(asked.get("max_age", 10**9))
        if ("login" in asked.get("prompt", "").split() or too_old) and not self.behaviour["ignores_fresh"]:
            self.signed_in_at = now()
        return self.signed_in_at

    def _back(self, asked: dict[str, str], answer: dict[str, str]) -> Answer:
        honest = answer | {"state": asked.get("state", ""), "iss": self.url}
        query = urlencode(changed(honest, self.behaviour["callback"]))
        return 302, {"Location": f"{asked['redirect_uri']}?{query}"}, b""

    def token(self, form: dict[str, str], client: tuple[str, str]) -> Answer:
        """Tokens for a code, once, to the client that began, with its verifier."""
        asked, proved_at, person = self.codes.get(form.get("code", ""), ({}, 0, {}))
        if not self.behaviour["codes_again"]:
            self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_right = (
            client == (CLIENT, SECRET)
            and form.get("redirect_uri") == asked.get("redirect_uri")
            and challenge.decode().rstrip("=") == asked.get("code_challenge")
        )
        if not asked or not (is_right or self.behaviour["any_client"]):
            return _json({"error": "invalid_grant" if client == (CLIENT, SECRET) else "invalid_client"}, 400)
        access = secrets.token_urlsafe(24)
        self.told[access] = person | self.behaviour["userinfo"]
        claims = changed(self._about(access, asked, proved_at) | person, self.behaviour["claims"])
        id_token = sign(self.name, claims, self.behaviour["header"], self.behaviour["signed_by"])
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "id_token": id_token}
        return _json(answer)

    def _about(self, access: str, asked: dict[str, str], proved_at: int) -> Claims:
        claims: Claims = {
            "iss": self.url, "aud": asked.get("client_id", CLIENT), "iat": now(), "exp": now() + LIFETIME_SECONDS,
            "auth_time": proved_at, "at_hash": half_hash(access), "sid": self.session,
        }  # fmt: skip
        return claims | ({"nonce": asked["nonce"]} if "nonce" in asked else {})

    def userinfo(self, authorization: str) -> Answer:
        told = self.told.get(authorization.removeprefix("Bearer "))
        return _json(changed({}, told)) if told is not None else (401, {"WWW-Authenticate": "Bearer"}, b"")

    def logout(self, asked: dict[str, str]) -> Answer:
        self.session = secrets.token_hex(8)
        back = asked.get("post_logout_redirect_uri")
        query = urlencode({"state": asked["state"]} if "state" in asked else {})
        return (302, {"Location": f"{back}?{query}" if query else back}, b"") if back else (200, {}, b"signed out")

    def control(self, verb: str, told: dict[str, Any]) -> Answer:
        """What tests ask of it."""
        if verb == "behave":
            self.behaviour = self.behaviour | told
        elif verb == "reset":
            self.behaviour, self.requests, self.signed_in_at = dict(HONEST), [], now()
        elif verb == "sign":
            claims = changed({}, told["claims"])
            return _json({"token": sign(self.name, claims, told.get("header", {}), told.get("signed_by", "key"))})
        return _json({"requests": self.requests, "session": self.session, "behaviour": self.behaviour})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    issuers: dict[str, Issuer]

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, body: str) -> None:
        parts = urlsplit(self.path)
        name, _, rest = parts.path.lstrip("/").partition("/")
        if name == "control":
            owner, _, verb = rest.partition("/")
            self._send(*self.issuers[owner].control(verb, json.loads(body or "{}")))
            return
        issuer, endpoint = self.issuers[name], ENDPOINTS.get(f"/{rest}", "")
        asked = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(parse_qsl(body, keep_blank_values=True))
        issuer.requests.append({"endpoint": endpoint or self.path, "asked": asked})
        self._misanswer(self._honest(issuer, endpoint, asked), issuer.behaviour["answers"].get(endpoint, {}))

    def _honest(self, issuer: Issuer, endpoint: str, asked: dict[str, str]) -> Answer:
        if endpoint == "token":
            return issuer.token(asked, self._client(asked))
        if endpoint in ("authorize", "logout"):
            return issuer.authorize(asked) if endpoint == "authorize" else issuer.logout(asked)
        if endpoint == "userinfo":
            return issuer.userinfo(self.headers.get("Authorization", ""))
        if endpoint in ("discovery", "keys"):
            return issuer.discovery() if endpoint == "discovery" else issuer.keys()
        return 404, {}, b""

    def _client(self, form: dict[str, str]) -> tuple[str, str]:
        """Id and secret: by HTTP Basic, form-encoded (RFC 6749, section 2.3.1), or in the form."""
        words = self.headers.get("Authorization", "")
        if words.startswith("Basic "):
            name, _, secret = base64.b64decode(words[6:]).decode().partition(":")
            return unquote(name), unquote(secret)
        return form.get("client_id", ""), form.get("client_secret", "")

    def _misanswer(self, honest: Answer, wrong: dict[str, Any]) -> None:
        """The honest answer, but for what `wrong` says."""
        status, headers, body = honest
        if "json" in wrong:
            body = json.dumps(changed(json.loads(body), wrong["json"])).encode()
        body = wrong.get("body", body.decode()).encode() + b" " * (int(wrong.get("megabytes", 0)) << 20)
        if "drip" in wrong:
            self._drip(body, float(wrong["drip"]))
        else:
            self._send(int(wrong.get("status", status)), headers | wrong.get("headers", {}), body)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        with suppress(OSError):  # the client has had enough
            self.send_response(status)
            for name, value in ({"Content-Type": "text/html"} | headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def _drip(self, body: bytes, pause: float) -> None:
        """A byte at a time, so that no single wait is long."""
        self.close_connection = True
        with suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for each in body:
                self.wfile.write(bytes([each]))
                threading.Event().wait(pause)

    def log_message(self, *_: object) -> None:
        """Silence: tests ask for the requests."""


class Issuers(defaultdict[str, Issuer]):
    """By name, made when they are first asked for."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def __missing__(self, name: str) -> Issuer:
        return self.setdefault(name, Issuer(name, f"{self._url}/{name}"))


def _json(content: Claims, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json", "Cache-Control": "no-store"}, json.dumps(content).encode()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.issuers = Issuers(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
