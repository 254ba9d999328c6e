"""The web pages: sign-in, a user's own tokens, administration.

A page only translates: a cookie and a form in, service calls, HTML out. Every dialog is also a page, so that pages
work without JavaScript. Not here: rules (``app.services``).
"""

from app.web.admin import BLUEPRINTS as ADMIN
from app.web.documents import documents
from app.web.errors import DIALECTS, PAGES_ANYWHERE
from app.web.own_moving import BLUEPRINT as changes
from app.web.preferences import preferences
from app.web.profile import profile
from app.web.provider_logout import backchannel
from app.web.rendering import install_rendering
from app.web.rotations import BLUEPRINT as own_tokens
from app.web.second_factor import own_factor
from app.web.second_step import second_step
from app.web.security import passwords, security
from app.web.service_api_tokens import BLUEPRINT as service_accounts
from app.web.signing_in import entrance
from app.web.single_sign_on import single_sign_on
from app.web.starts import starts

BLUEPRINTS = (
    *(entrance, second_step, single_sign_on, backchannel, starts, own_tokens, security, passwords, own_factor),
    *(profile, preferences, changes),
    *(service_accounts, documents),
    *ADMIN,
)

__all__ = ["BLUEPRINTS", "DIALECTS", "PAGES_ANYWHERE", "install_rendering"]
