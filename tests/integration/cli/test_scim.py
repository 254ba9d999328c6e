"""``daypass scim``: tokens, roles of groups, and who is handed over."""

from app.services import Services
from tests.factories import ANONYMOUS, make_user
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import secrets_in


def test_a_token_is_printed_once_listed_and_revoked(daypass: CommandLine, services: Services) -> None:
    made = daypass.json("scim", "token", "create", "Entra ID", "--days", "90")
    assert services.scim.tokens.accept(made["token"], ANONYMOUS).name == "Entra ID"
    (listed,) = daypass.json("scim", "token", "list")
    assert (listed["public_id"], listed["status"]) == (made["public_id"], "active")
    assert not secrets_in(daypass.text("scim", "token", "list"))

    assert daypass.json("scim", "token", "revoke", made["public_id"])["status"] == "revoked"
    printed = daypass.run("scim", "token", "create", "Okta").stdout.strip()
    assert services.scim.tokens.accept(printed, ANONYMOUS).expires_at is None


def test_a_group_is_mapped_and_a_user_handed_to_scim_and_back(daypass: CommandLine, services: Services) -> None:
    make_user(services, "anna")
    assert daypass.json("scim", "adopt", "anna")["username"] == "anna"
    assert daypass.json("scim", "map", "Buyers", "STEWARD") == {
        "group": "Buyers", "role": "STEWARD", "roles_changed": 0,
    }  # fmt: skip
    (group,) = daypass.json("scim", "groups")
    assert (group["group"], group["role"], group["members"]) == ("Buyers", "STEWARD", None)
    assert daypass.json("scim", "unmap", "buyers")["roles_changed"] == 0
    assert daypass.run("scim", "unmap", "buyers").exit_code == 1
    assert daypass.json("scim", "release", "anna")["username"] == "anna"
    assert daypass.run("scim", "release", "anna").exit_code == 1
