"""Without its database every API and the gate answer 503 with `Retry-After`: never 200, and never 401 or 403, on which
clients throw their token away."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app.domain.identity import Role
from app.http.context import parts
from tests.contract import asking
from tests.contract.asking import DOCUMENT, ENDPOINTS, PERSON, TOKENS, Headers, basic, bearer, challenges, refusal
from tests.contract.asking_native import Native, problem
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint

pytestmark = pytest.mark.both_databases

Own = tuple[Flask, Callable[[], None]]

UNAVAILABLE = (503, "temporarily_unavailable", "unavailable")


def test_without_its_database_every_question_is_a_503(without_database: Own) -> None:
    app, destroy_database = without_database
    services, client = parts(app).services, app.test_client(use_cookies=False)
    admin = make_user(services, role=Role.SERVER_ADMIN)
    refresh = issue(services, admin)
    replaced, access = mint(services, refresh).secret, mint(services, refresh).secret
    single = generate(services, allowed_user(services)).secret
    gate = asking.AskedGate(app)
    assert gate.verify(access).status_code == 200
    destroy_database()

    alation = asking.Alation(client)
    members = {"refresh_token": refresh.secret, "api_access_token": access, "user_id": admin.id}
    members |= {"username": admin.username, "password": PASSWORD, "name": "bi"}
    answers = [alation.post(endpoint, **members) for endpoint in ENDPOINTS]
    answers += [alation.use(access), alation.use(Authorization=f"Bearer {access}")]
    detail = "The service is temporarily unavailable: the database cannot be reached. Try again shortly."
    assert {refusal(answer) for answer in answers} == {(503, detail, "unavailable")}

    oauth = asking.OAuth(client)
    credentials: list[Headers] = [bearer(access), {"TOKEN": access}, basic(admin.username, PASSWORD)]
    introspected = [ask(access, None, each) for ask in (oauth.introspect, oauth.revoke) for each in credentials]
    introspected += [oauth.revoke(access), oauth.revoke(refresh.secret)]
    client_of_admin = basic(refresh.token.public_id, refresh.secret)
    introspected += [ask(access, None, client_of_admin) for ask in (oauth.introspect, oauth.revoke)]
    introspected += [oauth.grant(headers=client_of_admin), oauth.grant("refresh_token", refresh_token=refresh.secret)]
    assert {refusal(answer) for answer in introspected} == {UNAVAILABLE}

    trifacta = asking.Trifacta(client)
    called = [
        trifacta.send(method, path, headers)
        for method, path in (("POST", TOKENS), ("DELETE", f"{TOKENS}/:tokenId"), ("GET", PERSON), ("GET", DOCUMENT))
        for headers in (bearer(single), basic("anna", PASSWORD))
    ]
    expected = (503, "ServiceUnavailableException", "the database cannot be reached")
    assert {refusal(answer) for answer in called} == {expected}

    native = Native(client, access)
    asked = [native.get("me"), native.post("access-tokens", {"refresh_token": refresh.secret})]
    assert {problem(answer) for answer in asked} == {(503, "unavailable")}

    checked = [ask(access, query) for ask in (gate.verify, gate.verify_bearer) for query in ("", "role=SERVER_ADMIN")]
    checked.append(gate.verify(replaced))
    assert {refusal(answer)[::2] for answer in checked} == {(503, "unavailable")}
    assert refusal(gate.verify("nonsense"))[::2] == (403, "token_malformed")  # for that no database is needed
    assert refusal(oauth.grant(headers=basic("", f"{refresh.secret}x")))[::2] == (401, "token_malformed")

    for answer in (*answers, *introspected, *called, *asked, *checked):
        assert (answer.headers["Retry-After"], challenges(answer)) == ("1", [])


def test_a_token_that_cannot_be_looked_up_is_a_503_and_not_inactive(without_database: Own) -> None:
    """Nor revoked (RFC 7009, section 2.2.1). Who asks is known by then: only the table of access tokens is gone.

    Fails when Unavailable is taken for "inactive", or for nothing to revoke (tried both).
    """
    app, _ = without_database
    services, oauth = parts(app).services, asking.OAuth(app.test_client())
    admin = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    access = mint(services, issue(services, admin)).secret
    headers = basic(admin.username, PASSWORD)
    assert oauth.introspect(access, headers=headers).get_json()["active"] is True
    services.last_use.flush()
    with app.extensions["daypass_database"].transaction() as session:
        session.execute(text("ALTER TABLE access_tokens RENAME TO gone"))
    for answer in (oauth.introspect(access, headers=headers), oauth.revoke(access, headers=headers)):
        assert refusal(answer) == UNAVAILABLE
        assert answer.headers["Retry-After"] == "1"
