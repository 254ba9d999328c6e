"""``DAYPASS_OIDC_<NAME>_…``: the OpenID providers that people sign in with, any number of them.

Functions raise :class:`ValueError` with a message of one line; it names variables, never a value.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import Field, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from config.declaring import setting, settings_of, words_of
from config.environment import FILE, NEAR, PREFIX, is_link, printable, read_values
from config.public_url import normalized_url

PROVIDERS = f"{PREFIX}OIDC_"
"""The beginning of their variables; the provider's name follows, then the setting's."""

NAME = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")
LONGEST_NAME = 40
"""As in the column of identities."""

ROLES = (
    *("SERVER_ADMIN", "CATALOG_ADMIN", "SOURCE_ADMIN", "STEWARD", "COMPOSER", "EXPLORER", "VIEWER", "INTROSPECTOR"),
)
"""Daypass's own (``app.domain.identity``, compared by test)."""

SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""A token of a scope (RFC 6749, section 3.3)."""

SCIM_ATTRIBUTES = ("externalId", "userName", "emails")

DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True)
class ProviderSettings:
    """The settings of one provider. `name`: in addresses, by its variables: ``DAYPASS_OIDC_EXAMPLE_SSO_…`` is of
    ``example-sso``."""

    issuer: str = setting("", "The provider's issuer, exactly as its discovery document has it; `https:`.")
    client_id: str = setting("", "Daypass's client id there.")
    client_secret: str = setting(
        "", "Its secret. Empty: the client is public, and proves itself by PKCE alone.", secret=True, verbatim=True
    )
    label: str = setting("", 'What the button says after "Continue with". Empty: the provider\'s name.')
    scopes: str = setting("openid profile email", "What is asked for, `openid` among it, with spaces between.")
    username_claim: str = setting("preferred_username", "Claim that a new user's name is made of.")
    scim_match: str = setting(
        "",
        "Who of the users that SCIM manages a person is at the first sign-in: the user whose attribute has the value "
        "of a claim, such as `externalId=sub`, `userName=preferred_username` or `emails=email`. Empty: nobody.",
    )
    role_claim: str = setting(
        "",
        "Claim of roles or groups, such as `groups` or, within another claim, `realm_access.roles`. Empty: the "
        "provider decides no roles.",
    )
    role_map: str = setting(
        "",
        "Which of its values give which role, `value=ROLE[,value=ROLE…]`; of several that a person has, the first in "
        f"this list counts. Roles: {', '.join(ROLES)}.",
    )
    allowed_domains: str = setting(
        "",
        "Domains of verified e-mail addresses, `example.com[,…]`, whose people may sign in; of Google, its `hd` has to "
        "be one of them. Empty: everybody whom the provider signs in.",
    )
    name: str = field(default="", kw_only=True)

    @property
    def scim_pair(self) -> tuple[str, str] | None:
        """The attribute of SCIM and the claim; None without any."""
        attribute, _, claim = self.scim_match.partition("=")
        return (attribute.strip(), claim.strip()) if claim.strip() else None

    @property
    def scope_words(self) -> tuple[str, ...]:
        return tuple(self.scopes.split())

    @property
    def domains(self) -> tuple[str, ...]:
        return words_of(self.allowed_domains.lower())

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """Values of the claim and roles. A value may hold an equals sign, as names of LDAP do."""
        pairs = (word.rpartition("=") for word in words_of(self.role_map))
        return tuple((value.strip(), role.strip()) for value, _, role in pairs)


def read_providers() -> tuple[ProviderSettings, ...]:
    """The providers that the environment names, in the order of their names."""
    return tuple(_read(name) for name in sorted(_names()) if _is_set(name))


def variables() -> "dict[str, Field[Any]]":
    """The fields of all providers that the environment names, by variable. Refuses one of no such field."""
    return {variable: each for name in _names() for variable, each in _declared(name).items()}


def variable(name: str, declared: "Field[Any]") -> str:
    """The environment variable of a provider's field; `name`: as in variables."""
    return f"{PROVIDERS}{name}_{declared.name.upper()}"


def refuse_misspelt(unknown: Iterable[str]) -> None:
    """Refuse a variable that ends like a provider's and begins otherwise, such as ``DAYPASS_ODIC_CORP_ISSUER``."""
    for name in unknown:
        word = name.removeprefix(PREFIX).upper()
        first, _, rest = word.partition("_")
        if difflib.SequenceMatcher(None, first, "OIDC").ratio() >= NEAR or rest.endswith(("_ISSUER", "_CLIENT_ID")):
            raise _unknown(name, f"{PROVIDERS}{rest}")


def _names() -> set[str]:
    """Of the providers, as they are in variables; of some, all variables may be empty."""
    ours = {name for name, value in os.environ.items() if name.startswith(PROVIDERS) and not is_link(name, value)}
    return {_split(name)[0] for name in ours}


def _split(name: str) -> tuple[str, str]:
    """The name of the provider and of the setting. Refuses what ends in no setting of a provider."""
    word = name.removeprefix(PROVIDERS)
    for suffix in _suffixes():
        if word.endswith(f"_{suffix}"):
            return word.removesuffix(f"_{suffix}"), suffix
    raise _unknown(name, PROVIDERS + _nearest(word))


def _nearest(word: str) -> str:
    """What was meant by the part after the beginning."""
    bare = word.removesuffix(FILE)
    if any(bare.endswith(f"_{suffix}") for suffix in _suffixes()):  # of no secret, which alone can be in a file
        return bare
    words = word.split("_")
    likely = [f"{'_'.join(words[: -(end.count('_') + 1)]) or 'NAME'}_{end}" for end in _suffixes()]
    return next(iter(difflib.get_close_matches(word, likely, n=1, cutoff=NEAR)), f"{word}_ISSUER")


def _unknown(name: str, near: str) -> ValueError:
    return ValueError(f"unknown setting {printable(name)}: did you mean {printable(near)}? See docs/settings.md")


def _suffixes() -> list[str]:
    found = settings_of(ProviderSettings)
    return [each.name.upper() + end for each in found for end in (("", FILE) if each.metadata["secret"] else ("",))]


def _declared(name: str) -> "dict[str, Field[Any]]":
    return {variable(name, each): each for each in settings_of(ProviderSettings)}


def _is_set(name: str) -> bool:
    """Whether one of its variables has another value than its default, as in an example that is copied."""
    declared = _declared(name).items()
    return any(
        os.environ.get(each + end, "").strip() not in ("", f.default) for each, f in declared for end in ("", FILE)
    )


def _read(shown: str) -> ProviderSettings:
    start = f"{PROVIDERS}{shown}_"
    if not NAME.fullmatch(shown) or len(shown) > LONGEST_NAME:
        raise ValueError(
            f"{printable(start)}…: the name of a provider has 1 to {LONGEST_NAME} letters A-Z, digits and single _"
        )
    provider = ProviderSettings(**read_values(_declared(shown)), name=shown.lower().replace("_", "-"))
    for needed in ("issuer", "client_id"):
        if not getattr(provider, needed):
            raise ValueError(f"{start}{needed.upper()} is missing: each provider needs an issuer and a client id")
    try:
        refuse_unsafe_url(provider.issuer)
    except ValueError as error:
        raise ValueError(f"{start}ISSUER {error}") from None
    _refuse_unusable(provider, start)
    return provider


def _refuse_unusable(provider: ProviderSettings, start: str) -> None:
    if provider.scim_match and (provider.scim_pair is None or provider.scim_pair[0] not in SCIM_ATTRIBUTES):
        raise ValueError(f"{start}SCIM_MATCH is {' or '.join(SCIM_ATTRIBUTES)}, then = and the name of a claim")
    scopes = provider.scope_words
    if "openid" not in scopes or not all(SCOPE.fullmatch(each) for each in scopes):
        raise ValueError(f"{start}SCOPES must be words with spaces between, openid among them")
    if bool(provider.role_map) != bool(provider.role_claim):
        raise ValueError(f"{start}ROLE_CLAIM and {start}ROLE_MAP need each other: set both or neither")
    if not all(value and role in ROLES for value, role in provider.roles):
        raise ValueError(f"{start}ROLE_MAP must be value=ROLE, joined by commas; the roles are {', '.join(ROLES)}")
    if not all(DOMAIN.fullmatch(domain) for domain in provider.domains):
        raise ValueError(f"{start}ALLOWED_DOMAINS must be domains such as example.com, joined by commas")


def refuse_unsafe_url(url: str) -> None:
    """Raise ValueError, with the rest of a sentence, for an issuer that is not https, off loopback."""
    normalized_url(url)  # as strict: a host, no user name, no query
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https://: only a provider on this machine may be without TLS")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_doubled(providers: Iterable[ProviderSettings]) -> None:
    """Raise ValueError where two providers have one issuer and one client id: neither could tell its answers."""
    seen: dict[tuple[str, str], str] = {}
    for each in providers:
        other = seen.setdefault((each.issuer, each.client_id), each.name)
        if other != each.name:
            raise ValueError(f"the providers {other} and {each.name} have the same issuer and client id: keep one")
