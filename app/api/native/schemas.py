"""Bodies and queries of the routes for a caller's own tokens: snake_case, instants in UTC."""

from typing import Any, cast

from marshmallow import Schema, fields

from app.api.native.fields import Instant, Strict, criteria, entered, flag, number, paging, text
from app.domain.identity import Principal
from app.domain.policy import Policy
from app.domain.reissue import Reissue
from app.domain.tokens import CREATED_IN_FUTURE, SEEMS_SHARED, AccessToken, Issued, RefreshToken, TokenKind
from app.services.listing import ListedToken

SECRET = "The secret. It is shown this once."
OLD_SECRET = "Until when the secret before the latest rotation works as well; null where it does not."


class ProblemOut(Schema):
    """RFC 9457; ``reason``: a stable word for programs; ``fields``: the errors of each member; ``hint``: the mistake in
    the token's text, where one is recognised."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    reason = fields.String()
    request_id = fields.String()
    fields_ = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), data_key="fields", attribute="fields"
    )
    hint = fields.String()


class NewToken(Strict):
    name = entered()
    access_token_reissue = fields.Enum(Reissue, by_value=True, load_default=None)
    expires_in_days = number(
        1,
        cast(int, Policy.refresh_token_lifespan.high),
        metadata={"description": "How long it works; at most, and without it, `refresh_token_lifespan`."},
    )
    description = entered(shortest=0, required=False)


class RefreshTokenProof(Strict):
    refresh_token = text()


class TokenOut(Schema):
    """A token of either tier. ``single_tier``: an access token without a refresh token."""

    kind = fields.String()
    public_id = fields.String()
    name = fields.String()
    description = fields.String(allow_none=True)
    owner = fields.String()
    single_tier = fields.Boolean()
    status = fields.String()
    created_at = Instant()
    expires_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True)
    last_used_ip = fields.String(allow_none=True)
    last_used_agent = fields.String(allow_none=True)
    regenerated_at = Instant(allow_none=True)
    rotated_at = Instant(allow_none=True)
    old_secret_until = Instant(allow_none=True, metadata={"description": OLD_SECRET})
    access_token_reissue = fields.String(allow_none=True)
    seems_shared = fields.Boolean(metadata={"description": f"True for a day: {SEEMS_SHARED}"})
    created_in_future = fields.Boolean(metadata={"description": CREATED_IN_FUTURE})
    minted_from = fields.String(allow_none=True, metadata={"description": "The address that minted it, if known."})
    created_with = fields.String(
        allow_none=True, metadata={"description": "The access token (public id) that created it, if one did."}
    )
    secret_seen_at = Instant(
        allow_none=True,
        metadata={"description": "When its secret was last found where none belongs: revoke or regenerate it."},
    )
    revoked_at = Instant(allow_none=True)
    revoked_by = fields.String(allow_none=True)
    revoke_reason = fields.String(allow_none=True)


class PresentTokenOut(TokenOut):
    refresh_token_expires_at = Instant(allow_none=True)


class IssuedOut(Schema):
    """A new token; in a repeat, only ``public_id`` and ``secret_already_shown``."""

    kind = fields.String()
    public_id = fields.String()
    secret = fields.String(metadata={"description": SECRET})
    name = fields.String()
    status = fields.String()
    created_at = Instant()
    expires_at = Instant()
    secret_already_shown = fields.Boolean()


class RotatedOut(IssuedOut):
    refresh_token = fields.String(metadata={"description": "The same as `secret`: what to keep from now on."})
    old_secret_until = Instant(allow_none=True, metadata={"description": OLD_SECRET})


class SecretUseOut(Schema):
    """The last request of a client with a secret."""

    used_at = Instant(attribute="at")
    address = fields.String(allow_none=True)
    agent = fields.String(allow_none=True)


class SecretsOut(Schema):
    """The last use of each secret. ``moved`` and ``behind``: who has moved to the new one, while the old one works."""

    current = fields.Nested(SecretUseOut, allow_none=True)
    old = fields.Nested(SecretUseOut, allow_none=True)
    old_secret_until = Instant(attribute="old_until", allow_none=True, metadata={"description": OLD_SECRET})
    moved = fields.Integer(metadata={"description": "How many addresses have used the new secret last."})
    behind = fields.List(fields.Nested(SecretUseOut))


class MintedOut(Schema):
    """A new access token, and the active one that it replaced, if any."""

    kind = fields.String()
    public_id = fields.String()
    secret = fields.String(metadata={"description": SECRET})
    status = fields.String()
    created_at = Instant()
    expires_at = Instant()
    replaced_previous = fields.Boolean()
    replaced_public_id = fields.String()
    replaced_last_used_at = Instant(allow_none=True)
    replaced_last_used_ip = fields.String(allow_none=True)
    old_secret_until = Instant(
        metadata={"description": "Only with the old secret of a rotated refresh token: it works until then. Rotate."}
    )
    seems_shared = fields.Boolean(metadata={"description": f"True for a day: {SEEMS_SHARED}"})
    secret_already_shown = fields.Boolean()


class OwnRevocation(Strict):
    with_descendants = flag(
        load_default=False,
        metadata={"description": "Also revoke what was created with it, with that, and so on."},
    )


OwnTokenQuery = Strict.from_dict(criteria("kind", "status", in_query=True) | paging(), name="OwnTokenQuery")


class TokenPage(Schema):
    items = fields.List(fields.Nested(TokenOut))
    next_cursor = fields.String(allow_none=True)


SIGN_IN_BY = "From then on treated as disabled, unless the user signs in with single sign-on before. Null: no limit."


class UserOut(Schema):
    id = fields.Integer()
    username = fields.String()
    email = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    title = fields.String()
    role = fields.String()
    is_active = fields.Boolean()
    api_tokens = fields.String()
    created_at = Instant()
    last_login_at = Instant(allow_none=True)
    sign_in_by = Instant(allow_none=True, metadata={"description": SIGN_IN_BY})
    password_expires_at = Instant(allow_none=True, metadata={"description": "Of a temporary password."})
    kind = fields.String(metadata={"description": "`person` or `service`."})
    responsible = fields.String(allow_none=True, metadata={"description": "Of a service account: the user name."})
    deputy = fields.String(allow_none=True, metadata={"description": "Of a service account: the user name."})
    deleted_at = Instant(allow_none=True, metadata={"description": "Then only the id is left of the person."})


def token_members(listed: ListedToken) -> dict[str, Any]:
    """The members of a token; null where its tier has none."""
    token = listed.token
    single_tier = isinstance(token, AccessToken) and token.refresh_token_id is None
    defaults: dict[str, Any] = dict.fromkeys(
        ("last_used_agent", "regenerated_at", "rotated_at", "old_secret_until", "access_token_reissue", "minted_from")
    )
    defaults["seems_shared"] = False
    return defaults | vars(token) | {
        "kind": listed.kind, "name": listed.name, "owner": listed.owner, "single_tier": single_tier
    }  # fmt: skip


def current_token_members(listed: ListedToken, principal: Principal) -> dict[str, Any]:
    """The members of the token of this request."""
    return token_members(listed) | {"refresh_token_expires_at": principal.refresh_token_expires_at}


def issued_members(issued: Issued[RefreshToken] | Issued[AccessToken]) -> dict[str, Any]:
    """A token with its secret."""
    kind = TokenKind.REFRESH if isinstance(issued.token, RefreshToken) else TokenKind.ACCESS
    members = vars(issued.token) | {"kind": kind, "secret": issued.secret}
    if kind is TokenKind.ACCESS:
        members |= {"replaced_previous": issued.replaced is not None, "seems_shared": issued.seems_shared}
        members |= {} if issued.old_secret_until is None else {"old_secret_until": issued.old_secret_until}
    if issued.replaced is not None:
        members["replaced_public_id"] = issued.replaced.public_id
        members["replaced_last_used_at"] = issued.replaced.last_used_at
        members["replaced_last_used_ip"] = issued.replaced.last_used_ip
    return members
