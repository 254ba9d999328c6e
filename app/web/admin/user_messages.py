"""What was done with a user, in the address of the page that is shown next, and in words on that page.

That page is the user's, or the list that the act began in, as it was.
"""

from dataclasses import dataclass

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.domain.identity import User
from app.domain.text import count_of, count_of_tokens
from app.http.context import parts
from app.services.revoking import Revoked
from app.services.user_profiles import UserProfile
from app.web.done import after_act, number_done, what_was_done
from app.web.forms import read_form
from app.web.returning import way_back

LIST = "/admin/users"
BACK = "back"
"""The parameter, and the hidden field of the dialogs."""

TEXTS = {
    "created": "Created {user}.",
    "role": "Changed the role of {user}. It is effective at once.",
    "api-tokens": "Changed whether {user} may create API tokens. It is effective at once.",
    "edited": "Changed the details of {user}.",
    "renamed": "The user name is {user} now. Tokens, sessions and the password stay.",
    "deleted": "Deleted the account, now called {user}: revoked {tokens}, and ended {sessions}.",
    "responsible": "Changed who is responsible for {user}. It is effective at once.",
    "handed-over": "Others answer for {accounts} of {user} now.",
    "moved": "Moved {moved} of {user}. They work as before, with their new owner's rights.",
    "linked": "Linked {user}: the person can sign in.",
    "unlinked": "Unlinked {user}: the person can no longer sign in.",
    "unchanged": "Nothing was changed.",
    "handed-to-scim": "SCIM manages {user} now. Tokens, role and password stay.",
    "taken-from-scim": "{user} is a local user now. Tokens, role and password stay.",
    "disabled": "Disabled {user}: signed out, and tokens no longer work.",
    "enabled": "Enabled {user}. Tokens that have not expired or been revoked work again.",
    "revoked": "Revoked {tokens} of {user}.",
    "nothing": "{user} had nothing to revoke.",
    "unlocked": "Unlocked. {user} can sign in from new devices and networks again.",
    "second-factor-reset": "Reset the second factor of {user}, who signs in with the password alone now.",
    "signed-out": "Ended {sessions} of {user}. Tokens keep working.",
    "password": "Set the password of {user}. Their sessions have ended; tokens keep working.",
    "password-revoked": "Set the password of {user}, ended their sessions, and revoked {tokens}.",
}


COUNTED = {"sessions": "session", "accounts": "service account", "moved": "token"}
"""What else a text counts, and the noun."""


@dataclass(frozen=True)
class Message:
    """`user`: the name; empty where nobody in particular is meant."""

    text: str
    user: str


def shown_next(user: User, done: str, **numbers: int) -> ResponseReturnValue:
    """Go on to the list, if the act began there, or to the user's page, with a message."""
    return redirect(after_act(began_in(user), done=done, user=user.username, **numbers), 303)


def numbers_of(revoked: Revoked) -> dict[str, int]:
    """For the message."""
    return {"refresh": revoked.refresh_tokens, "access": revoked.access_tokens}


def began_in(user: User) -> str:
    """The page in which an act began, without the public URL's own path: the list as it was, or the user's page."""
    given = read_form() if request.method == "POST" else request.args
    return way_back(LIST) if BACK in given else f"{LIST}/{user.id}"


def message_after_act(profile: UserProfile | None = None) -> Message | None:
    """The message in an address. With a profile: only while it is true, because addresses are opened again later."""
    args = what_was_done()
    done = args.get("done", "")
    user = profile.user.username if profile else args.get("done-user", "")
    if done not in TEXTS or (profile is not None and not _is_true(done, profile)):
        return None
    tokens = count_of_tokens(number_done(args, "refresh"), number_done(args, "access"))
    counted = {name: count_of(number_done(args, name), noun) for name, noun in COUNTED.items()}
    return Message(TEXTS[done].format(user=user, tokens=tokens, **counted), user)


def _is_true(done: str, profile: UserProfile) -> bool:
    held = profile.holding.refresh_tokens + profile.holding.api_tokens
    untrue = {
        "disabled": profile.user.is_active,
        "enabled": not profile.user.is_enabled(parts().clock()),
        "second-factor-reset": profile.factor_added_at is not None,
        "handed-to-scim": not profile.user.is_managed,
        "taken-from-scim": profile.user.is_managed,
        "unlocked": profile.lock is not None,
        "revoked": held > 0,
        "nothing": held > 0,
        "password-revoked": held > 0,
    }
    return not untrue.get(done, False)
