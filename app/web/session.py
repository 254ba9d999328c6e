"""The session of a request, on the pages."""

from dataclasses import replace
from typing import cast

from flask import g

from app.domain.sessions import WebSession
from app.http.context import CurrentUser, services
from app.web.cookies import session_cookie
from app.web.remote_user import is_of_another


def web_session() -> WebSession:
    """The session of this request, behind a guard that requires one."""
    return cast(WebSession, g.web_session)


def find_session() -> WebSession | None:
    """The session of this request; None without one."""
    return use_session(session_cookie())


def use_session(cookie: str | None) -> WebSession | None:
    """The session of this cookie, as that of the request."""
    session = services().sessions.find(cookie)
    if session is not None and is_of_another(session):
        return None
    if session is not None:
        g.web_session = session
        credential = replace(session.credential, is_fresh=services().sessions.is_fresh(session))
        g.current_user = CurrentUser(session.user.id, session.user.username, session.user.role, credential)
    return session
