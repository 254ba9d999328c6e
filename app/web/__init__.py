"""The web pages: sign-in, a user's own tokens, administration.

A page only translates: a cookie and a form in, service calls, HTML out. Every dialog is also a page, so that pages
work without JavaScript. Not here: rules (``app.services``).
"""

from app.web.admin import BLUEPRINTS as ADMIN
from app.web.documents import documents
from app.web.errors import DIALECTS, PAGES_ANYWHERE
from app.web.preferences import preferences
from app.web.rendering import install_rendering
from app.web.rotations import BLUEPRINT as account
from app.web.security import passwords, security
from app.web.signing_in import entrance
from app.web.starts import starts

BLUEPRINTS = (entrance, starts, account, security, passwords, preferences, documents, *ADMIN)

__all__ = ["BLUEPRINTS", "DIALECTS", "PAGES_ANYWHERE", "install_rendering"]
