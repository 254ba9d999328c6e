"""The instance settings about second factors. Not here: all others (``policy``)."""

from app.domain.setting import SWITCH, Affects, Counted, From, Group, Setting, Widens


class SecondFactorSettings:
    """A part of :class:`app.domain.policy.Policy`."""

    second_factor_for_administrators = Setting(
        SWITCH, "off", group=Group.SIGN_IN, label="Administrators need a second factor", effective=From.AT_ONCE,
        help="On: an administrator who signed in with a password, and has none, reaches only the page that adds one.",
        affects=(Affects(Counted.ADMINISTRATORS_WITHOUT_FACTOR, "On the pages they can only add one, until they have "
                         "it, and a password alone is not accepted by the APIs. Tokens keep working.",
                         "They can use all pages without one."),),
        widens=Widens.LOWERED,
    )  # fmt: skip
    password_api_with_second_factor = Setting(
        SWITCH, "off", group=Group.SIGN_IN, label="Scripts sign in with a password alone, despite a second factor",
        help="Off: the APIs refuse the password of an account that has, or needs, a second factor.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_WITH_FACTOR, "The APIs accept their password alone.",
                         "The APIs refuse their password. What they have is not affected."),),
    )  # fmt: skip
