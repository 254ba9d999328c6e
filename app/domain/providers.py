"""An OpenID provider as it is configured, a sign-in with it, and the reasons why its answers are refused.

Not here: talking to it (``app.providers``), what it says of a person (``sign_ins``), and whose account that is.
"""

from dataclasses import dataclass, field
from enum import Enum

from app.domain.identity import Role


@dataclass(frozen=True)
class Provider:
    """`name`: in addresses; `label`: for people. `client_secret`: empty for a public client.

    `scim_match`: an attribute of the users that SCIM manages, and the claim that it is compared with. `role_claim`: a
    claim, or the way to one with dots; empty where the provider decides no roles. `roles`: values of it and what they
    give, the first that a person has counts. `domains`: of verified e-mail addresses; empty for all.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    username_claim: str = "preferred_username"
    scim_match: tuple[str, str] | None = None
    role_claim: str = ""
    roles: tuple[tuple[str, Role], ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """What makes a sign-in one of its own; three random values. `is_fresh`: the person has to sign in anew."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    is_fresh: bool = False


@dataclass(frozen=True)
class LoggedOut:
    """Whom a provider signed out: one session there, or all of a person's. `id`: of the token that says so."""

    issuer: str
    id: str
    subject: str | None
    session: str | None


AGAIN = "Go back and try again."
ADMINISTRATOR = (
    "Try again. If it goes on, an administrator finds the reason in the audit log, by the request id on this page."
)


@dataclass(frozen=True)
class Reason:
    """`word`: in the audit log and for programs. `happened`: a sentence about {provider}; `to_do`: what to do."""

    word: str
    happened: str
    to_do: str = ADMINISTRATOR


def _bad(word: str, what: str) -> Reason:
    return Reason(word, f"The answer of {{provider}} is not accepted: {what}.")


class Why(Enum):
    """The table."""

    NOT_BEGUN = Reason(
        "not_begun",
        "This sign-in was not begun in this browser, took longer than ten minutes, or was used before.",
        "Sign in again. If that does not help, allow cookies for this site.",
    )
    DENIED = Reason("denied", "{provider} did not sign you in.", f"If you left it on purpose, all is well. {AGAIN}")
    ERROR = Reason("provider_error", "{provider} answered with an error.")
    AWAY = Reason(
        "provider_away",
        "{provider} can't be reached, or does not answer in time.",
        "Try again in a moment. If you have a password that is accepted here, sign in with it.",
    )
    BUSY = Reason("busy", "Too many people are signing in with {provider} at this moment.", "Try again in a moment.")
    ANSWER = Reason("bad_answer", "{provider} answered with something that is no answer of an OpenID provider.")
    REDIRECTED = Reason("redirected", "{provider} answered with a redirect, which is not followed.")
    TOO_LARGE = Reason("too_large", "{provider} answered with more than is read.")
    DISCOVERY = Reason("bad_discovery", "What {provider} publishes about itself does not fit its configuration.")
    MIX_UP = Reason("wrong_issuer_parameter", "The answer came from another provider than {provider}.")
    CODE = Reason("code_refused", "{provider} did not accept its own code, or the credentials of this Daypass.")
    TOKEN = _bad("bad_token", "its ID token can't be read")
    ALGORITHM = _bad("bad_algorithm", "its ID token is signed in a way that is not allowed")
    KEY = _bad("unknown_key", "its ID token is signed with a key that it does not publish")
    SIGNATURE = _bad("bad_signature", "the signature of its ID token is wrong")
    ISSUER = _bad("wrong_issuer", "its ID token is of another issuer")
    AUDIENCE = _bad("wrong_audience", "its ID token is for another application")
    PARTY = _bad("wrong_authorized_party", "its ID token was given to another application")
    NONCE = _bad("wrong_nonce", "its ID token belongs to another sign-in")
    ACCESS_TOKEN_HASH = _bad("wrong_access_token", "its ID token belongs to another access token")
    EXPIRED = _bad("expired", "its ID token has expired, or the clocks differ")
    NOT_YET = _bad("not_yet_valid", "its ID token is not valid yet, or the clocks differ")
    CLAIM = _bad("bad_claim", "what it says of you is not in a form that it may have")
    SUBJECT = _bad("other_subject", "its user info is of another person")
    ROLE_CLAIM = _bad("bad_role_claim", "what it says of your roles is not in a form that it may have")
    DOMAIN = Reason(
        "wrong_domain",
        "{provider} names no verified e-mail address of yours in a domain that may sign in here.",
        "Sign in with your address at work, or ask an administrator.",
    )

    @property
    def word(self) -> str:
        return self.value.word


class ProviderRefused(Exception):
    """A provider's answer is refused. No :class:`app.domain.errors.Refusal`: no API ever answers with it.

    `detail`: for the audit log, such as the name of a claim or an error word of the provider; never a value that the
    person has there. `to_do`: where it is another than the table's.
    """

    def __init__(self, why: Why, detail: str = "", to_do: str = "") -> None:
        super().__init__(f"{why.word} {detail}".rstrip())
        self.why = why
        self.detail = detail
        self.to_do = to_do or why.value.to_do

    def happened(self, provider: str) -> str:
        """The sentence for people. `provider`: its label."""
        return self.why.value.happened.format(provider=provider)
