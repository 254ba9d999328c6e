"""SCIM's answers: refusals, versions, filters, pages, and who may ask."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.domain.identity import Role
from app.domain.provisioned import MOST_MEMBERS
from app.http.body import LARGEST_SCIM_BODY
from app.services import Services
from tests.contract.asking import AskedGate
from tests.contract.asking_scim import (
    CORE,
    MESSAGES,
    PREFIX,
    Directory,
    Members,
    body,
    check,
    group,
    ids,
    new_token,
    refusal,
    user,
)
from tests.factories import OPERATOR, PASSWORD, issue, make_user, managed_crowd, mint


@pytest.fixture
def directory(client: FlaskClient, services: Services) -> Directory:
    return Directory(client, new_token(services))


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Any:
    """User names that no other test of this module has."""
    return lambda number: f"{request.node.name.partition('[')[0][-60:]}.{number}"


def test_nobody_is_answered_without_an_active_scim_token(client: FlaskClient, services: Services) -> None:
    admin = make_user(services, role=Role.SERVER_ADMIN)
    refresh = issue(services, admin)
    revoked = new_token(services)
    new_token(services)
    for token in (None, "", "x", revoked, refresh.secret, mint(services, refresh).secret):
        for path in ("/Users", "/Groups", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Users/1"):
            assert Directory(client, token).get(path).status_code == 401
        answer = Directory(client, token).post("/Users", user("nobody"))
        assert refusal(answer) == (401, None)
    in_query = client.get(f"{PREFIX}/Users?access_token={new_token(services)}")
    assert in_query.status_code == 401


def test_a_scim_token_is_accepted_nowhere_else(client: FlaskClient, services: Services, gate: AskedGate) -> None:
    token = new_token(services)
    assert (gate.verify(token).status_code, gate.verify_bearer(token).status_code) == (403, 401)
    for headers in ({"TOKEN": token}, {"Authorization": f"Bearer {token}"}):
        for path in ("/api/v1/me", "/api/v1/users", "/v4/apiAccessTokens", "/integration/v1/userinfo/"):
            assert client.get(path, headers=headers).status_code in (401, 403), path
    introspected = client.post("/oauth/introspect", data={"token": token}, headers={"Authorization": f"Bearer {token}"})
    assert introspected.status_code == 401


def test_refusals_are_those_of_the_rfc(directory: Directory, services: Services, names: Any) -> None:
    make_user(services, names("local"))
    make_user(services, names("by-email"), email="by-email@example.com", password=PASSWORD)
    made = body(directory.post("/Users", user(names(1))))
    path = f"/Users/{made['id']}"
    refused = {
        "a name that somebody has": (directory.post("/Users", user(names(1).upper())), (409, "uniqueness")),
        "a local user's name": (directory.post("/Users", user(names("local"))), (409, "uniqueness")),
        "another's name": (
            directory.patch(path, {"op": "replace", "path": "userName", "value": names("local")}),
            (409, "uniqueness"),
        ),
        "a local user's e-mail": (
            directory.post("/Users", user("By-Email@example.com")),
            (409, "uniqueness"),
        ),
        "another's e-mail": (
            directory.patch(path, {"op": "replace", "path": "userName", "value": "by-email@example.com"}),
            (409, "uniqueness"),
        ),
        "no user name": (directory.post("/Users", {"schemas": [f"{CORE}:User"]}), (400, "invalidValue")),
        "not a user name": (directory.post("/Users", user("anna smith")), (400, "invalidValue")),
        "not an e-mail": (directory.post("/Users", user(names(2), emails=[{"value": "x"}])), (400, "invalidValue")),
        "not a truth": (directory.post("/Users", user(names(2), active="perhaps")), (400, "invalidValue")),
        "no such user": (directory.get("/Users/999999999"), (404, None)),
        "no id": (directory.get("/Users/x"), (404, None)),
        "no such group": (directory.delete("/Groups/999999999"), (404, None)),
        "not an operation": (directory.patch(path, {"op": "increment", "path": "title"}), (400, "invalidValue")),
        "no path": (directory.patch(path, {"op": "remove"}), (400, "noTarget")),
        "the id": (directory.patch(path, {"op": "replace", "path": "id", "value": "7"}), (400, "mutability")),
        "the state removed": (directory.patch(path, {"op": "remove", "path": "active"}), (400, "mutability")),
        "the name removed": (directory.patch(path, {"op": "remove", "path": "userName"}), (400, "mutability")),
        "a broken path": (directory.patch(path, {"op": "add", "path": "emails[", "value": 1}), (400, "invalidPath")),
        "no operations": (directory.send("PATCH", path, {"schemas": [f"{MESSAGES}:PatchOp"]}), (400, "invalidValue")),
        "a stranger in a group": (directory.post("/Groups", group(names(1), "999999999")), (400, "invalidValue")),
        "no user in a group": (directory.post("/Groups", group(names(1), "x")), (400, "invalidValue")),
        "a filter of no attribute": (directory.get("/Users", filter='title eq "x"'), (400, "invalidFilter")),
        "a filter with co": (directory.get("/Users", filter='userName co "x"'), (400, "invalidFilter")),
        "a filter with not": (directory.get("/Users", filter='not (userName eq "x")'), (400, "invalidFilter")),
        "a broken filter": (directory.get("/Users", filter="userName eq"), (400, "invalidFilter")),
        "a long filter": (
            directory.get("/Users", filter=" or ".join(['id eq "1"'] * 21)),
            (400, "invalidFilter"),
        ),
        "a name that is longer in lower case": (
            directory.post("/Groups", group("\u0130" * 255)),
            (400, "invalidValue"),
        ),
        "a long id of many marks": (
            directory.post("/Users", user(names(2), externalId="e\u0301" * 255)),
            (400, "invalidValue"),
        ),
        "a count": (directory.get("/Users", count="many"), (400, "invalidValue")),
        "both selections": (
            directory.get(path, attributes="title", excludedAttributes="emails"),
            (400, "invalidValue"),
        ),
    }
    assert {name: refusal(answer) for name, (answer, _) in refused.items()} == {
        name: expected for name, (_, expected) in refused.items()
    }


def test_refusals_repeat_no_token_and_not_much_of_what_was_sent(directory: Directory, names: Any) -> None:
    path = f"/Users/{body(directory.post('/Users', user(names(1))))['id']}"
    for text in (str(directory.token), "x" * 100_000):
        for operation in ({"op": text, "path": "title"}, {"op": "add", "path": f"title.{text}[", "value": "x"}):
            answer = directory.patch(path, operation)
            assert refusal(answer)[0] == 400
            assert str(directory.token) not in answer.text and len(answer.text) < 1_000


def test_malformed_bodies_are_refused_and_large_ones_have_a_limit_of_their_own(
    directory: Directory, client: FlaskClient
) -> None:
    def send(data: bytes, kind: str = "application/scim+json") -> tuple[int, str | None]:
        headers = {"Authorization": f"Bearer {directory.token}"}
        answer = client.post(f"{PREFIX}/Users", data=data, content_type=kind, headers=headers)
        check(answer)
        return refusal(answer)

    assert send(b"{") == (400, "invalidSyntax")
    assert send(b"[]") == (400, "invalidSyntax")
    assert send(b'{"userName": "a", "userName": "b"}') == (400, "invalidSyntax")
    assert send(b"userName=anna", "application/x-www-form-urlencoded") == (415, None)
    assert send(b"x" * (LARGEST_SCIM_BODY + 1)) == (413, None)
    assert send(b'{"title": "' + b"x" * 100_000 + b'"}')[0] == 400
    too_many = group("Too many", *map(str, range(1, MOST_MEMBERS + 2)))
    assert refusal(directory.post("/Groups", too_many)) == (400, "invalidValue")


def test_what_daypass_does_not_keep_is_ignored(directory: Directory, names: Any) -> None:
    others = {"displayName": "Anna", "phoneNumbers": [{"value": "1"}], "password": "secret", "nickName": "A", "id": "7"}
    made = body(directory.post("/Users", user(names(1), title="Buyer", **others)))
    assert made.keys() == {"schemas", "id", "userName", "title", "active", "meta"}
    assert made["id"] != "7"


def test_a_version_that_is_not_the_present_one_is_refused_and_one_that_is_known_is_not_sent_again(
    directory: Directory, names: Any
) -> None:
    for kind, new, change in (
        ("Users", user(names(1)), {"op": "replace", "path": "title", "value": "Buyer"}),
        ("Groups", group(names(1)), {"op": "replace", "path": "displayName", "value": names(2)}),
    ):
        answer = directory.post(f"/{kind}", new)
        made, old = body(answer), answer.headers["ETag"]
        path = f"/{kind}/{made['id']}"
        assert answer.headers["Location"] == made["meta"]["location"] == f"http://localhost{PREFIX}{path}"
        assert made["meta"]["version"] == old
        assert directory.get(path, headers={"If-None-Match": old}).status_code == 304

        assert directory.patch(path, change, headers={"If-Match": old}).status_code in (200, 204)
        assert directory.get(path, headers={"If-None-Match": old}).status_code == 200
        present = directory.get(path).headers["ETag"]
        assert present != old
        for method, members in (("PATCH", None), ("PUT", new), ("DELETE", None)):
            stale = {"If-Match": old}
            sent = (
                directory.patch(path, change, headers=stale)
                if method == "PATCH"
                else directory.send(method, path, members, headers=stale)
            )
            assert refusal(sent) == (412, None), method
        assert directory.delete(path, headers={"If-Match": f'W/"x", {present}'}).status_code == 204


def test_a_put_without_a_state_leaves_it_and_clears_what_else_is_missing(directory: Directory, names: Any) -> None:
    made = body(directory.post("/Users", user(names(1), title="Buyer", externalId="e-7", active=False)))
    changed = body(directory.put(f"/Users/{made['id']}", user(names(1))))
    assert changed["active"] is False
    assert not {"title", "externalId"} & changed.keys()


def test_lists_have_pages_and_filters(directory: Directory, names: Any) -> None:
    made = [
        body(directory.post("/Users", user(names(each), externalId=names("same"), active=each != 2)))["id"]
        for each in range(3)
    ]
    mine = f'externalId eq "{names("same")}"'
    page = body(directory.get("/Users", filter=mine, startIndex=2, count=1))
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert [each["id"] for each in page["Resources"]] == [made[1]]
    assert body(directory.get("/Users", filter=mine, count=0))["Resources"] == []
    assert body(directory.get("/Users", filter=mine, count=-5))["totalResults"] == 3
    assert body(directory.get("/Users", filter=mine, startIndex=-5))["startIndex"] == 1
    assert ids(directory.get("/Users", filter=mine, startIndex=9)) == []
    assert ids(directory.get("/Users", filter=f"{mine} and active eq false")) == [made[2]]
    assert ids(directory.get("/Users", filter=f'{mine} and active eq "True"')) == made[:2]
    either = f'(id eq "{made[0]}" or userName eq "{names(2).upper()}") and {mine}'
    assert ids(directory.get("/Users", filter=either)) == [made[0], made[2]]
    assert ids(directory.get("/Users", filter=f'{CORE}:User:userName eq "{names(1)}"')) == [made[1]]
    assert ids(directory.get("/Users", filter='emails[type eq "home"].value eq "x@example.com"')) == []
    (only,) = body(directory.get("/Users", filter=f'id eq "{made[0]}"', attributes="userName"))["Resources"]
    assert only.keys() == {"schemas", "id", "userName"}


@pytest.mark.both_databases
def test_a_filter_with_text_that_databases_do_not_take_matches_nobody(directory: Directory) -> None:
    for text in (r"\u0000", r"\ud800", r"\u0130" * 300):
        for path, names in (
            ("/Users", ("userName", "externalId", "emails")),
            ("/Groups", ("displayName", "externalId")),
        ):
            for name in names:
                assert ids(directory.get(path, filter=f'{name} eq "{text}"')) == []


def test_a_patch_says_who_comes_and_goes_in_every_spelling(directory: Directory, names: Any) -> None:
    one, two, three = (body(directory.post("/Users", user(names(each))))["id"] for each in range(3))
    path = f"/Groups/{body(directory.post('/Groups', group(names('group'), one)))['id']}"

    def after(*operations: Members) -> set[str]:
        assert directory.patch(path, *operations).status_code == 204
        return {each["value"] for each in body(directory.get(path)).get("members", [])}

    urn = f"{CORE}:Group"
    assert after({"op": "ADD", "path": "Members", "value": {"value": two}}) == {one, two}
    assert after({"Op": "add", "Value": {"MEMBERS": [{"$ref": f"https://x/Users/{three}"}]}}) == {one, two, three}
    assert after({"op": "remove", "path": f'{urn}:members[value eq "{one}" or value eq "{two}"]'}) == {three}
    assert after({"op": "replace", "value": {f"{urn}:members": [{"value": one}], "displayName": names("new")}}) == {one}
    assert body(directory.get(path))["displayName"] == names("new")
    swap = ({"op": "add", "path": "members", "value": [{"value": two}]}, {"op": "remove", "path": "members"})
    assert after(*swap) == set()
    assert after(*reversed(swap)) == {two}
    assert after({"op": "remove", "path": "members", "value": {"value": one, "display": "x"}}) == {two}
    assert after({"op": "replace", "path": "members", "value": None}) == set()
    lower = {"schemas": [f"{MESSAGES}:PatchOp"], "operations": [swap[0]]}
    assert directory.send("PATCH", path, lower).status_code == 204
    assert [each["value"] for each in body(directory.get(path))["members"]] == [two]
    refused = {
        "no value": ({"op": "add", "path": "members"}, "invalidValue"),
        "a text": ({"op": "add", "path": "members", "value": one}, "invalidValue"),
        "a list of texts": ({"op": "remove", "path": "members", "value": [one]}, "invalidValue"),
        "a group": ({"op": "add", "path": "members", "value": [{"value": "x"}]}, "invalidValue"),
        "a part": ({"op": "replace", "path": "members.value", "value": one}, "mutability"),
        "one in place of another": (
            {"op": "replace", "path": f'members[value eq "{two}"]', "value": {"value": one}},
            "mutability",
        ),
        "another filter": ({"op": "remove", "path": 'members[value sw "1"]'}, "invalidFilter"),
    }
    for reason, (operation, scim_type) in refused.items():
        assert refusal(directory.patch(path, operation)) == (400, scim_type), reason
    assert [each["value"] for each in body(directory.get(path))["members"]] == [two]


def test_a_patch_of_thousands_of_members_is_one_change_and_of_other_things_has_a_limit(
    directory: Directory, services: Services, names: Any
) -> None:
    crowd = [str(each) for each in managed_crowd(services, names("crowd"), 2_000)]
    path = f"/Groups/{body(directory.post('/Groups', group(names('group'), *crowd)))['id']}"
    halves = [[{"value": each} for each in half] for half in (crowd[:1_000], crowd[1_000:])]
    removes = ({"op": "remove", "path": f'members[value eq "{each}"]'} for each in crowd[:1_000])
    assert directory.patch(path, {"op": "remove", "path": "members", "value": halves[1]}, *removes).status_code == 204
    assert "members" not in body(directory.get(path))
    assert directory.patch(path, {"op": "add", "path": "members", "value": halves[0]}).status_code == 204
    rename = {"op": "replace", "path": "displayName", "value": names("new")}
    assert refusal(directory.patch(path, *[rename] * 201)) == (413, None)
    emails = [{"value": f"{each}@example.com", "type": f"t{each}"} for each in range(101)]
    added = {"op": "add", "path": "emails", "value": emails}
    assert refusal(directory.patch(f"/Users/{crowd[0]}", added, added)) == (413, None)


def test_what_scim_here_can_do_is_described(directory: Directory) -> None:
    config = body(directory.get("/ServiceProviderConfig"))
    supported = {
        name: config[name]["supported"] for name in ("patch", "bulk", "filter", "changePassword", "sort", "etag")
    }
    assert supported == {
        "patch": True, "bulk": False, "filter": True, "changePassword": False, "sort": False, "etag": True,
    }  # fmt: skip
    assert ids(directory.get("/Schemas")) == [f"{CORE}:User", f"{CORE}:Group"]
    schema = body(directory.get(f"/Schemas/{CORE}:User"))
    assert {each["name"] for each in schema["attributes"]} >= {"userName", "name", "title", "active", "emails"}
    assert {each["name"] for each in body(directory.get("/ResourceTypes"))["Resources"]} == {"User", "Group"}
    assert body(directory.get("/ResourceTypes/User"))["endpoint"] == "/Users"
    assert refusal(directory.get("/Schemas", filter='id eq "x"')) == (403, None)
    assert refusal(directory.post("/Bulk", {})) == refusal(directory.get("/Me")) == (501, None)
    assert refusal(directory.get("/Roles")) == (404, None)


def test_the_last_administrator_is_a_conflict_without_uniqueness(
    directory: Directory, services: Services, names: Any
) -> None:
    made = body(directory.post("/Users", user(names(1))))
    services.scim.roles.map(names("admins"), Role.SERVER_ADMIN, OPERATOR)
    directory.post("/Groups", group(names("admins"), made["id"]))
    others = [each for each in services.accounts.every() if each.is_administrator and str(each.id) != made["id"]]
    for each in others:
        services.accounts.change(each.id, {"is_active": False}, OPERATOR)

    off = {"op": "replace", "path": "active", "value": False}
    assert refusal(directory.patch(f"/Users/{made['id']}", off)) == (409, None)
    assert refusal(directory.delete(f"/Users/{made['id']}")) == (409, None)
    for each in others:
        services.accounts.change(each.id, {"is_active": True}, OPERATOR)
