"""What Microsoft Entra ID and Okta send, as their documents give it.

https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
https://learn.microsoft.com/en-us/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility
https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20
"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_scim import CORE, Directory, body, ids, new_token
from tests.factories import OPERATOR, issue, mint, works

pytestmark = pytest.mark.both_databases

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
Members = dict[str, Any]


@pytest.fixture
def directory(client: FlaskClient, services: Services) -> Directory:
    return Directory(client, new_token(services))


def entra_user(name: str, external_id: str, email: str) -> Members:
    """With an extension, ``meta`` and ``roles``, of which Daypass keeps nothing."""
    return {
        "schemas": [f"{CORE}:User", ENTERPRISE],
        "externalId": external_id,
        "userName": name,
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": email}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "given family", "familyName": "family", "givenName": "given"},
        ENTERPRISE: {"department": "Purchasing", "manager": {"value": "7"}},
        "roles": [],
    }


def test_entra_id_creates_changes_disables_and_deletes_a_user(directory: Directory, services: Services) -> None:
    name, email = "Test_User_ab6490ee@example.com", "Test_User_fd0ea19b@example.com"
    assert body(directory.get("/Users", filter=f'userName eq "{name}"'))["Resources"] == []
    made = body(directory.post("/Users", entra_user(name, "0a21f0f2", email)))
    assert made["userName"] == name.lower()
    path = f"/Users/{made['id']}"
    assert body(directory.get(path)) == made
    for asked in (f'userName eq "{name}"', 'externalId eq "0a21f0f2"', f'emails[type eq "work"].value eq "{email}"'):
        assert ids(directory.get("/Users", filter=asked)) == [made["id"]], asked

    answer = directory.patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "updatedEmail@example.com"},
        {"op": "Replace", "path": "name.familyName", "value": "updatedFamilyName"},
        {"op": "Replace", "path": "displayName", "value": "Pvlo"},
        {"op": "Replace", "path": f"{ENTERPRISE}:employeeNumber", "value": "Eqpj"},
    )
    changed = body(answer)
    assert changed["emails"] == [{"value": "updatedEmail@example.com", "type": "work"}]
    assert changed["name"] == {"givenName": "given", "familyName": "updatedFamilyName"}
    members = {"displayName": "Bjfe", "name.givenName": "Kkom", "name.familyName": "Unua", f"{ENTERPRISE}:a": "A"}
    changed = body(directory.patch(path, {"op": "replace", "value": members}))
    assert changed["name"] == {"givenName": "Kkom", "familyName": "Unua"}
    changed = body(directory.patch(path, {"op": "Replace", "path": "userName", "value": "5b50642d@example.com"}))
    assert changed["userName"] == "5b50642d@example.com"

    access = mint(services, issue(services, services.accounts.by_id(int(made["id"]))))
    for disabled, enabled in ((False, True), ("False", "True")):
        answer = directory.patch(path, {"op": "Replace", "path": "active", "value": disabled})
        assert body(answer)["active"] is False
        assert not works(services, access)
        directory.patch(path, {"op": "Replace", "path": "active", "value": enabled})
        assert works(services, access)
    assert directory.delete(path).status_code == 204
    assert directory.get(path).status_code == 404
    assert not works(services, access)


def test_entra_id_adds_an_email_that_the_user_does_not_have_yet(directory: Directory) -> None:
    made = body(directory.post("/Users", {"schemas": [f"{CORE}:User"], "userName": "entra.without.email"}))
    add = {"op": "Add", "path": 'emails[type eq "work"].value', "value": "new@example.com"}
    assert body(directory.patch(f"/Users/{made['id']}", add))["emails"] == [
        {"value": "new@example.com", "type": "work"}
    ]


def test_entra_id_creates_a_group_and_changes_who_is_in_it(directory: Directory, services: Services) -> None:
    services.scim.roles.map("Entra buyers", Role.COMPOSER, OPERATOR)
    one, other = (
        body(directory.post("/Users", entra_user(f"entra.{each}", each, f"{each}@example.com")))["id"]
        for each in ("one", "other")
    )
    about = {"externalId": "8aa1a0c0", "displayName": "Entra buyers", "meta": {"resourceType": "Group"}}
    schemas = [f"{CORE}:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]
    made = body(directory.post("/Groups", {"schemas": schemas} | about))
    path = f"/Groups/{made['id']}"
    assert "members" not in body(directory.get(path, excludedAttributes="members"))
    found = directory.get("/Groups", excludedAttributes="members", filter='displayName eq "entra Buyers"')
    assert ids(found) == [made["id"]]

    def roles() -> list[Role]:
        return [services.accounts.by_id(int(each)).role for each in (one, other)]

    added = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": each} for each in (one, other)]}
    assert directory.patch(path, added).status_code == 204
    assert roles() == [Role.COMPOSER, Role.COMPOSER]
    assert ids(directory.get("/Groups", filter=f'id eq "{made["id"]}" and members eq "{one}"')) == [made["id"]]
    removed = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": one}]}
    assert directory.patch(path, removed).status_code == 204
    assert roles() == [Role.VIEWER, Role.COMPOSER]
    assert directory.patch(path, {"op": "remove", "path": f'members[value eq "{other}"]'}).status_code == 204
    assert roles() == [Role.VIEWER, Role.VIEWER]
    renamed = {
        "op": "Replace",
        "path": "displayName",
        "value": "1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName",
    }
    assert directory.patch(path, renamed).status_code == 204
    assert directory.delete(path).status_code == 204


def okta_user(username: str, **others: Any) -> Members:
    """With attributes and a password, of which Daypass keeps nothing."""
    return {
        "schemas": [f"{CORE}:User"],
        "userName": username,
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": username, "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    } | others


def test_okta_creates_updates_deactivates_and_reactivates_a_user(directory: Directory, services: Services) -> None:
    assert directory.get("/Users", startIndex=1, count=2).status_code == 200
    assert directory.get("/Groups", startIndex=1, count=100).status_code == 200
    name = "test.user@okta.local"
    assert body(directory.get("/Users", filter=f'userName eq "{name}"', startIndex=1, count=100))["totalResults"] == 0
    made = body(directory.post("/Users", okta_user(name)))
    path = f"/Users/{made['id']}"
    access = mint(services, issue(services, services.accounts.by_id(int(made["id"]))))

    assert body(directory.get(path))["active"] is True
    changed = body(directory.put(path, made | okta_user(name, name={"givenName": "Another", "familyName": "User"})))
    assert changed["name"]["givenName"] == "Another"
    assert works(services, access)
    assert body(directory.patch(path, {"op": "replace", "value": {"active": False}}))["active"] is False
    assert not works(services, access)
    assert body(directory.put(path, okta_user(name, active=True)))["active"] is True
    assert works(services, access)
    assert body(directory.put(path, okta_user(name, active=False)))["active"] is False
    assert not works(services, access)
    assert services.accounts.by_id(int(made["id"])).username == name


def test_okta_pushes_a_group_renames_it_and_changes_its_members(directory: Directory) -> None:
    one, other = (body(directory.post("/Users", okta_user(f"okta.{each}@okta.local")))["id"] for each in ("a", "b"))
    made = body(directory.post("/Groups", {"schemas": [f"{CORE}:Group"], "displayName": "Test SCIMv2", "members": []}))
    path = f"/Groups/{made['id']}"

    def members() -> list[str]:
        return [each["value"] for each in body(directory.get(path)).get("members", [])]

    renamed = {"op": "replace", "value": {"id": made["id"], "displayName": "Test SCIMv2 renamed"}}
    assert directory.patch(path, renamed).status_code == 204
    add = {"op": "add", "path": "members", "value": [{"value": one, "display": "okta.a@okta.local"}]}
    remove = {"op": "remove", "path": f'members[value eq "{other}"]'}
    assert directory.patch(path, remove, add).status_code == 204
    assert members() == [one]
    everyone = {"op": "replace", "path": "members", "value": [{"value": each} for each in (one, other)]}
    assert directory.patch(path, everyone).status_code == 204
    assert members() == [one, other]
    whole = {
        "schemas": [f"{CORE}:Group"],
        "id": made["id"],
        "displayName": "Test SCIMv2",
        "members": [{"value": other}],
    }
    assert body(directory.put(path, whole))["displayName"] == "Test SCIMv2"
    assert members() == [other]
    assert directory.delete(path).status_code == 204
