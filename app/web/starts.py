"""Where "Account Settings" and "Preferences" begin: addresses that people type, and bookmarks of other products."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from app.http.guards import GuardedBlueprint
from app.web.guards import IN_SESSION

starts = GuardedBlueprint("web_starts", __name__, guard=IN_SESSION)


@starts.get("/account")
def open_account() -> ResponseReturnValue:
    """A redirect to the user's refresh tokens."""
    return redirect(url_for("web_account.list_tokens"), 303)


@starts.get("/preferences")
def open_preferences() -> ResponseReturnValue:
    """A redirect to the user's API tokens."""
    return redirect(url_for("web_preferences.list_tokens"), 303)
