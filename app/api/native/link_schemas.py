"""Bodies and queries of the routes about who signs in as a user."""

from marshmallow import Schema, fields

from app.api.native.fields import Instant, Strict, text


class Person(Strict):
    """Exactly one of ``subject`` and ``email``."""

    issuer = text(255, metadata={"description": "As the provider's discovery document has it."})
    subject = text(255, required=False, metadata={"description": "The provider's identifier of the person (`sub`)."})
    email = text(254, required=False, metadata={"description": "The verified e-mail; it links once."})


class IdentityOut(Schema):
    """``provider``: its name here; empty before the first sign-in. ``linked_by``: null for a first sign-in."""

    provider = fields.String()
    issuer = fields.String()
    subject = fields.String()
    created_at = Instant()
    linked_by = fields.String(allow_none=True)
    last_sign_in_at = Instant(allow_none=True)


class ExpectedOut(Schema):
    issuer = fields.String()
    email = fields.String()
    created_at = Instant()
    linked_by = fields.String()


class LinksOut(Schema):
    identities = fields.List(fields.Nested(IdentityOut))
    expected = fields.List(fields.Nested(ExpectedOut))
