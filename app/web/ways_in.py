"""How people sign in, in words: what a session began with, and what the sign-in page offers."""

from app.domain.errors import Unavailable
from app.domain.providers import Provider
from app.domain.sessions import WebSession
from app.domain.sign_in_settings import PasswordSignIn
from app.domain.sign_ins import SignInMethod
from app.http.context import services

WORDS = {
    SignInMethod.PASSWORD: "password",
    SignInMethod.PROVIDER: "single sign-on",
    SignInMethod.PROXY: "reverse proxy",
}


def provider_label(name: str) -> str:
    """What people call a provider; its name, or its issuer, where none is configured with it."""
    known = services().single_sign_on.providers
    return next((each.label for each in known if name in (each.name, each.issuer)), name)


def way_in(session: WebSession) -> str:
    """What a session began with."""
    return provider_label(session.provider) if session.provider else WORDS[session.method]


def providers() -> list[Provider]:
    return services().single_sign_on.providers


def by_password() -> PasswordSignIn:
    """For whom the form with a password is; for everybody while the database is away, which the answer says."""
    try:
        return services().instance_settings.policy().password_sign_in
    except (Unavailable, ValueError):
        return PasswordSignIn.ON
