"""What claims say of a person, each checked, and the role that the provider's map gives them.

Not here: whether the claims are the provider's (``id_tokens``), and whose account it is (``app.services.joining``).
"""

from datetime import UTC, datetime
from typing import Any

from app.domain.emails import canonical_email, normal_email
from app.domain.errors import BadRequest
from app.domain.identity import Role
from app.domain.providers import Provider, ProviderRefused, Why
from app.domain.sign_ins import ProvidedPerson
from app.domain.text import LONGEST_TEXT, flaw_in, in_nfc, normal_text

GOOGLE = "https://accounts.google.com"
"""Of whose accounts only ``hd`` tells the domain, because anybody can have one with a verified address of another:
https://developers.google.com/identity/openid-connect/openid-connect"""

LONGEST_SESSION = 255

MOST_VALUES = 1000
"""Of the claim of roles; Entra ID sends at most 200, and others more."""


def person_of(provider: Provider, claims: dict[str, Any], id_token: str) -> ProvidedPerson:
    """Refuses with CLAIM, ROLE_CLAIM and DOMAIN."""
    email = _verified_email(claims)
    _refuse_domain(provider, email, claims.get("hd"))
    role = _role(provider, claims) if provider.role_claim else None
    return ProvidedPerson(
        provider=provider.name,
        issuer=provider.issuer,
        subject=claims["sub"],
        username=_identifier(_at(claims, provider.username_claim), provider.username_claim),
        email=email,
        first_name=_text(claims.get("given_name"), "given_name"),
        last_name=_text(claims.get("family_name"), "family_name"),
        role=role,
        maps_roles=bool(provider.role_claim),
        provisioned=_provisioned(provider, claims, email),
        signed_in_at=_instant(claims.get("auth_time")),
        session=_session(claims.get("sid")),
        id_token=id_token,
    )


def _provisioned(provider: Provider, claims: dict[str, Any], email: str) -> tuple[str, str] | None:
    """An e-mail counts where it is verified only."""
    if provider.scim_match is None:
        return None
    attribute, claim = provider.scim_match
    value = email if claim == "email" else _identifier(_at(claims, claim), claim)
    return (attribute, value) if value else None


def missing_claims(provider: Provider, claims: dict[str, Any]) -> set[str]:
    """The names of the claims that the user info is asked for, because the ID token lacks them.

    The address and whether it is verified come from one place, so that nobody's word counts for another address.
    """
    pair = {"email", "email_verified"}
    missing = set() if pair <= claims.keys() else set(pair)
    missing |= {name for name in ("given_name", "family_name") if name not in claims}
    of_scim = provider.scim_match[1] if provider.scim_match else ""
    for name in filter(None, (provider.username_claim, provider.role_claim, of_scim)):
        if _at(claims, name) is None:
            missing |= {name, name.partition(".")[0]} - pair
    return missing


def _at(claims: dict[str, Any], name: str) -> Any:
    """The claim of this name; where there is none, the way to it through other claims, with dots."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _text(value: Any, name: str) -> str:
    try:
        return normal_text(name, _identifier(value, name))
    except BadRequest:
        raise ProviderRefused(Why.CLAIM, name) from None


def _identifier(value: Any, name: str) -> str:
    """As :func:`normal_text` has it, but it may look random, as the subjects of many providers do."""
    if value is None:
        return ""
    text = in_nfc(value.strip()) if isinstance(value, str) else ""
    if not isinstance(value, str) or len(text) > LONGEST_TEXT or flaw_in(text):
        raise ProviderRefused(Why.CLAIM, name)
    return text


def _verified_email(claims: dict[str, Any]) -> str:
    """The address, if the provider says that it is verified; some say so in a string."""
    if claims.get("email_verified") is not True and claims.get("email_verified") != "true":
        return ""
    text = _text(claims.get("email"), "email")
    try:
        return normal_email(text)
    except BadRequest:
        raise ProviderRefused(Why.CLAIM, "email") from None


def _refuse_domain(provider: Provider, email: str, hosted: Any) -> None:
    if not provider.domains:
        return
    domain = (canonical_email(email) or "").rpartition("@")[2]
    if domain not in provider.domains or (provider.issuer == GOOGLE and hosted not in provider.domains):
        raise ProviderRefused(Why.DOMAIN)


def _role(provider: Provider, claims: dict[str, Any]) -> Role | None:
    """A claim of one text or of a list of texts; another is refused, because it could hide what was meant."""
    value = _at(claims, provider.role_claim)
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > MOST_VALUES or not all(isinstance(each, str) for each in values):
        raise ProviderRefused(Why.ROLE_CLAIM, provider.role_claim)
    return next((role for name, role in provider.roles if name in values), None)


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise ProviderRefused(Why.CLAIM, "auth_time")
    return datetime.fromtimestamp(value, UTC)


def _session(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SESSION or not value.isprintable():
        raise ProviderRefused(Why.CLAIM, "sid")
    return value
