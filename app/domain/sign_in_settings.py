"""The instance settings about how people sign in: a part of ``policy``, declared in the same way."""

from app.domain.setting import DAYS, SWITCH, Affects, Counted, From, Group, Setting

OLD_REMAIN = "What they have is not affected."


class SignInSettings:
    """A base of :class:`app.domain.policy.Policy`."""

    password_api_enabled = Setting(
        SWITCH, "on", group=Group.SIGN_IN, label="Scripts create refresh tokens with a password",
        help="Off: no refresh token is created with a user name and a password. The pages still create them.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_WITH_PASSWORD, "Those who may create refresh tokens can do so with it.",
                         f"They can't create refresh tokens with it. {OLD_REMAIN}"),),
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
