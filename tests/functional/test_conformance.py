"""Whatever is sent, each answer is as its OpenAPI document says, and none is a 5xx (`make fuzz` sends more)."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis import GenerationMode
from schemathesis.engine import events, from_schema

from app.domain.errors import FeatureOff, TokenRefused
from app.domain.identity import ApiTokens, Role
from app.http.context import parts
from app.services import Services
from tests.factories import (
    PASSWORD,
    configure,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    set_api_tokens,
    signed_in,
)

EXAMPLES = int(os.environ.get("DAYPASS_FUZZ_EXAMPLES", "3"))
FEW = 100
"""With fewer, what is sent is the same each time, and each value of a wrong type is left to ``test_strict_input``."""

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]

NAMES = ("api_authentication", "v4", "native", "oauth")

ALWAYS_REFUSED = {"GET /oauth/authorize", "POST /oauth/authorize"}

USERS = "/api/v1/users"
"""A path below it gets a service account of the caller, and a refresh token of that one; itself a name that is free."""


class RealCredentials:
    """Signs each request in as an administrator, another one as soon as what was sent has disabled or revoked that one.

    What is made up is mostly refused at the door, so every fourth body gets real secrets, and every fourth path a real
    id.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._login = make_user(services, password=PASSWORD).username
        configure(services, api_can_manage_users="on", api_can_create_refresh_tokens="on")
        self._renew()
        self._names = {"tokenId", *self._real}
        self.sent = 0
        self.statuses: Counter[tuple[str, int]] = Counter()

    def sign_in(self, case: Any) -> None:
        self.sent += 1
        places = [each for each in (case.body, case.path_parameters) if isinstance(each, dict) and not self.sent % 4]
        names = {name for place in places for name in place} & self._names
        if names or not self._is_good():
            self._renew()
        case.headers["TOKEN"] = self._real["token"]
        real = self._real | self._for(case.operation.path, names)
        for place in places:
            place.update({name: real[name] for name in names & real.keys() if name in place})

    def _for(self, path: str, names: set[str]) -> dict[str, Any]:
        """What only some requests need; making it takes time."""
        if path == USERS:
            return {"username": f"made-{self.sent}"}
        if "tokenId" in names:
            with suppress(FeatureOff):  # what was sent may have turned them off
                return {"tokenId": generate(self._services, self._caller).token.uuid}
        if not names or not path.startswith(f"{USERS}/"):
            return {}
        account = make_service_account(self._services, self._caller)
        set_api_tokens(self._services, account.username, ApiTokens.ALLOW)
        token = self._services.issuing.issue(account.id, "nightly", signed_in(self._caller)).token
        return {"user_id": account.id, "public_id": token.public_id}

    def _renew(self) -> None:
        user = self._caller = make_user(self._services, role=Role.SERVER_ADMIN)
        refresh = issue(self._services, user)
        access = mint(self._services, refresh)
        self._real: dict[str, Any] = {
            "client_id": refresh.token.public_id, "client_secret": refresh.secret, "grant_type": "client_credentials",
            "refresh_token": refresh.secret, "api_access_token": access.secret, "token": access.secret,
            "user_id": user.id, "public_id": refresh.token.public_id, "username": self._login,
            "password": PASSWORD, "to": self._login, "name": "made at large",
            "tokens": [access.secret, refresh.secret],
        }  # fmt: skip

    def _is_good(self) -> bool:
        try:
            return self._services.verifier.verify(self._real["token"]).role is Role.SERVER_ADMIN
        except TokenRefused:
            return False


@pytest.fixture
def credentials(services: Services) -> Iterator[RealCredentials]:
    made = RealCredentials(services)

    def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        made.sign_in(case)

    def after_call(context: Any, case: Any, response: Any) -> None:
        made.statuses[case.operation.label, response.status_code] += 1

    for hook in (before_call, after_call):  # of these names, they can be registered for all schemas only
        schemathesis.hook(hook)
    yield made
    for hook in (before_call, after_call):
        schemathesis.hooks.unregister(hook)


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_as_the_document_says(app: Flask, credentials: RealCredentials, name: str) -> None:
    """Fails when a status is taken out of a dialect's `ErrorAnswers`, or a member gets another type (tried both)."""
    assert set(parts(app).documents) == set(NAMES), "one that is added must be tried too"
    schema = schemathesis.openapi.from_wsgi(f"/openapi/{name}/", app)
    schema.config.generation.update(max_examples=EXAMPLES, database="none", deterministic=EXAMPLES < FEW)
    if EXAMPLES < FEW:
        schema.config.phases.coverage.generation.update(modes=[GenerationMode.POSITIVE])
    schema.config.phases.update(phases=["examples", "coverage", "fuzzing"])
    schema.config.checks.update(included_check_names=CHECKS)
    operations = len(list(schema.get_all_operations()))
    tried, wrong = set(), []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
        if isinstance(event, events.ScenarioFinished):
            tried.add(event.recorder.label)
            wrong += [said for nodes in event.recorder.checks.values() for said in failures(nodes)]
    assert not wrong, "\n\n".join(wrong[:5])
    assert len(tried) == operations
    assert credentials.sent >= operations * 5
    succeeded = {label for label, status in credentials.statuses if status < 300}
    assert len(succeeded) >= 0.8 * len(tried - ALWAYS_REFUSED), "what is always refused shows little"


def failures(nodes: list[Any]) -> list[str]:
    """What each check that failed has to say, and how to ask again."""
    infos = [node.failure_info for node in nodes if node.failure_info is not None]
    return [f"{info.failure.title}: {info.failure.message}\n{info.code_sample}" for info in infos]
