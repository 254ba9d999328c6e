"""The instance settings about how people sign in: a part of ``policy``, declared in the same way."""

from enum import StrEnum

from app.domain.setting import DAYS, SWITCH, Affects, Counted, From, Group, Kind, Setting

OLD_REMAIN = "What they have is not affected."


class PasswordSignIn(StrEnum):
    """Who signs in on the pages with a password, from the fewest to all.

    OFF: only administrators whom no provider knows; while none of those has a password, every administrator.
    """

    OFF = "off"
    ADMINISTRATORS = "administrators"
    ON = "on"


class SignInSettings:
    """A base of :class:`app.domain.policy.Policy`."""

    password_api_enabled = Setting(
        SWITCH, "on", group=Group.PERMISSIONS, label="Scripts create refresh tokens with a password",
        help="Off: no refresh token is created with a user name and a password. The pages still create them.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_WITH_PASSWORD, "Those who may create refresh tokens can do so with it.",
                         f"They can't create refresh tokens with it. {OLD_REMAIN}"),),
    )  # fmt: skip
    password_sign_in = Setting(
        Kind(PasswordSignIn, choices=tuple(PasswordSignIn),
             labels=("Local administrators", "All administrators", "Everybody who has one")),
        "on", group=Group.SIGN_IN, label="Sign in with a password", effective=From.AT_ONCE,
        help="Who signs in on the pages with a password, and proves with it who they are. Local administrators are "
             "those whom no provider knows; while none of them has a password, every administrator may use theirs. "
             "APIs are not affected: see password_api_enabled.",
        affects=(Affects(Counted.USERS_WITH_PASSWORD, "Sessions go on, and tokens are not affected."),),
    )  # fmt: skip
    oidc_create_users = Setting(
        SWITCH, "off", group=Group.SIGN_IN, label="Single sign-on creates accounts", effective=From.AT_ONCE,
        help="On: a person who signs in at a provider for the first time gets an account. Off: only people whom an "
             "administrator linked or named before.",
        affects=(Affects(None, "Everybody whom a provider accepts can get an account.",
                         "Who has no account gets none by signing in. Accounts that were created stay."),),
    )  # fmt: skip
    sign_in_valid = Setting(
        DAYS, "0", low=0, high=3650, suffix="_days", zero="unlimited", group=Group.SIGN_IN,
        label="Single sign-on counts for", effective=From.AT_ONCE,
        help="A person whom a provider signs in, and who has not signed in there for so long, is treated as disabled, "
             "tokens included, until they sign in there again or an administrator enables them; 0: unlimited.",
        affects=(Affects(Counted.PEOPLE_AT_PROVIDERS, "They can sign in, and their tokens work.",
                         "They are treated as disabled, and their tokens stop working, until they sign in at their "
                         "provider."),),
    )  # fmt: skip
