"""The administrators' pages. Not here: rules (``app.services``), and their guard (``app.web.guards``)."""

from app.web.admin.answering import answering
from app.web.admin.audit import audit
from app.web.admin.by_filter import by_filter
from app.web.admin.identify import identify
from app.web.admin.instance import instance
from app.web.admin.moving_chosen import BLUEPRINT as token_changes
from app.web.admin.old_secrets import BLUEPRINT as tokens
from app.web.admin.overview import overview
from app.web.admin.scim import scim
from app.web.admin.second_factor import resetting
from app.web.admin.settings import settings
from app.web.admin.user_access import user_access
from app.web.admin.user_changes import user_changes
from app.web.admin.user_edits import user_edits
from app.web.admin.user_links import user_links
from app.web.admin.users import users

BLUEPRINTS = (
    overview,
    users,
    user_changes,
    user_access,
    user_edits,
    resetting,
    user_links,
    answering,
    tokens,
    token_changes,
    by_filter,
    identify,
    settings,
    scim,
    audit,
    instance,
)

__all__ = ["BLUEPRINTS"]
