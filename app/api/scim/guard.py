"""Who may call SCIM: a directory with its token. Not here: what it may do (``app.services.provisioning``)."""

from dataclasses import replace
from typing import cast

from flask import g, request

from app.domain.credentials import Credential, CredentialKind
from app.domain.identity import Caller
from app.domain.ladder import Proof
from app.domain.scim_tokens import ScimToken
from app.http.context import caller, services
from app.http.credentials import access_token_text
from app.http.guards import Guard
from app.http.openapi import refuse_doubled

QUERY = ("filter", "startIndex", "count", "attributes", "excludedAttributes")


def _require_scim_token() -> None:
    g.scim_token = services().scim.tokens.accept(access_token_text(request.environ), caller())
    refuse_doubled(request.args, QUERY)


def directory() -> Caller:
    """The caller of this request: the directory, by the name of its token."""
    token = cast(ScimToken, g.scim_token)
    return replace(
        caller(), name=f"scim:{token.name}", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id)
    )


DIRECTORY = Guard("directory, by SCIM token", _require_scim_token, ("bearer",), (Proof.SCIM_TOKEN,))
