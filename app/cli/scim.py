"""``daypass scim …``: tokens of directories, which group gives which role, and users whom SCIM manages."""

from typing import Any

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import Row, as_json, show_result, show_table
from app.cli.users import role_type, user_row
from app.domain.identity import Role
from app.domain.provisioned import MappedGroup
from app.domain.scim_tokens import ScimToken
from app.domain.text import count_of

TOKENS = ("name", "public_id", "status", "last_used_at", "last_used_ip", "created_at", "created_by", "expires_at")
GROUPS = ("group", "role", "members", "mapped_at", "mapped_by")


@click.group("scim", cls=RefusingGroup)
def scim() -> None:
    """Provisioning: a directory creates, changes and disables users."""


@scim.group("token", cls=RefusingGroup)
def token() -> None:
    """The tokens that directories present; two can be active at a time."""


@token.command("create")
@click.argument("name")
@click.option("--days", type=int, help="How long it works. Without it: until it is revoked.")
@as_json
def create(name: str, days: int | None, as_json: bool) -> None:
    """Create a token; NAME says which directory has it. The output is the token, once, and no log has it."""
    made, secret = services().scim.tokens.create(name, days, operator())
    show_result(_token_row(made) | {"token": secret}, secret, as_json)
    if not as_json:
        click.echo(f"Created {made.public_id}, {made.name}.", err=True)


@token.command("list")
@as_json
def list_tokens(as_json: bool) -> None:
    """List the active tokens, and the latest that ended."""
    show_table(map(_token_row, services().scim.tokens.list()), TOKENS, as_json, "No SCIM tokens yet.")


@token.command("revoke")
@click.argument("public_id")
@as_json
def revoke(public_id: str, as_json: bool) -> None:
    """Revoke a token, by its public id, effective on the next request."""
    revoked = services().scim.tokens.revoke(public_id, operator())
    show_result(_token_row(revoked), f"Revoked {revoked.public_id}, {revoked.name}.", as_json)


@scim.command("map")
@click.argument("group")
@click.argument("role", type=role_type)
@as_json
def map_group(group: str, role: str, as_json: bool) -> None:
    """Give the members of a directory's group a role, at once, and later those whom the directory adds."""
    changed = services().scim.roles.map(group, Role(role), operator())
    row = {"group": group, "role": role, "roles_changed": changed}
    show_result(row, f"Members of {group} have the role {role}. Changed {count_of(changed, 'role')}.", as_json)


@scim.command("unmap")
@click.argument("group")
@as_json
def unmap_group(group: str, as_json: bool) -> None:
    """Take its role from a group: members have that of their other groups, or VIEWER."""
    changed = services().scim.roles.unmap(group, operator())
    row = {"group": group, "roles_changed": changed}
    show_result(row, f"{group} gives no role any more. Changed {count_of(changed, 'role')}.", as_json)


@scim.command("groups")
@as_json
def list_groups(as_json: bool) -> None:
    """List the groups that give a role."""
    show_table(map(_group_row, services().scim.roles.list()), GROUPS, as_json, "No group gives a role.")


@scim.command("adopt")
@click.argument("username")
@as_json
def adopt(username: str, as_json: bool) -> None:
    """Let SCIM manage a local user: the directory finds them by the user name."""
    user = services().scim.adoption.adopt(username, operator())
    show_result(user_row(user), f"SCIM manages {user.username} now.", as_json)


@scim.command("release")
@click.argument("username")
@as_json
def release(username: str, as_json: bool) -> None:
    """Make a user local, whom the directory does not see any more. Tokens, role and password stay."""
    user = services().scim.adoption.release(username, operator())
    show_result(user_row(user), f"{user.username} is a local user now.", as_json)


def _token_row(token: ScimToken) -> dict[str, Any]:
    about = vars(token) | {"status": services().scim.tokens.status_of(token)}
    return {name: about[name] for name in TOKENS}


def _group_row(each: MappedGroup) -> Row:
    return {
        "group": each.name,
        "role": each.role.value,
        "members": each.members,
        "mapped_at": each.mapped_at,
        "mapped_by": each.mapped_by,
    }
