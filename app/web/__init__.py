"""The web pages: signing in, one's own tokens, administration.

A page is translation, as a dialect is: a cookie and a form in, calls of services, HTML out. No rule lives here. Every
dialog is a page of its own, so that all works without JavaScript; the script only shows it in place.
Not here: what pages show and do (``app.services``), and the pages about the OpenAPI documents (``app.http.documents``).
"""

from app.web.account import account, passwords
from app.web.admin import BLUEPRINTS as ADMIN
from app.web.errors import DIALECTS
from app.web.preferences import preferences
from app.web.rendering import install_rendering
from app.web.signing_in import entrance

BLUEPRINTS = (entrance, account, passwords, preferences, *ADMIN)

__all__ = ["BLUEPRINTS", "DIALECTS", "install_rendering"]
