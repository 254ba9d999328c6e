"""Account Settings: a user's own second factor. Not here: entering its codes (``second_step``, ``fresh_proof``)."""

from urllib.parse import quote, urlencode, urlsplit

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict
from app.domain.ladder import Act
from app.domain.second_factors import FEW_RECOVERY_CODES, RECOVERY_CODES
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.enrolling import Offer
from app.web.done import after_act, what_was_done
from app.web.forms import field_errors, message, read_form, status_of
from app.web.guards import IN_SESSION
from app.web.qr_codes import qr_code
from app.web.rendering import base_url, page
from app.web.session import web_session

own_factor = GuardedBlueprint("web_second_factor", __name__, guard=IN_SESSION,
                                 url_prefix="/account/second-factor", template_folder="templates")  # fmt: skip

HOME = "/account/second-factor"
OFFERED = "offered_secret"


@own_factor.get("")
def show() -> ResponseReturnValue:
    """Whether there is one, and how many recovery codes are left."""
    return _show()


@own_factor.post("/new")
@does(Act.ADD_SECOND_FACTOR)
def offer() -> ResponseReturnValue:
    """Show a new secret; nothing is stored until a code of it is entered."""
    try:
        return _show_offer(services().enrolling.offer(web_session(), caller()))
    except Conflict as refusal:
        return _show(refusal)


@own_factor.post("")
@does(Act.ADD_SECOND_FACTOR)
def add() -> ResponseReturnValue:
    """Add it once a code is right, and show the recovery codes."""
    form = read_form()
    try:
        codes = services().enrolling.add(web_session(), form.get(OFFERED, ""), form.get("code", ""), caller())
    except BadRequest as refusal:
        return _show_offer(services().enrolling.opened(web_session(), form.get(OFFERED, "")), refusal)
    except Conflict as refusal:
        return _show(refusal)
    return page("recovery_codes.html", codes=codes, is_new=True)


@own_factor.get("/recovery-codes")
def confirm_replace_codes() -> ResponseReturnValue:
    """The dialog to replace the recovery codes."""
    factor = services().enrolling.own(web_session().user.id)
    return page("recovery_codes_replace.html", factor=factor, total=RECOVERY_CODES)


@own_factor.post("/recovery-codes")
@does(Act.REPLACE_RECOVERY_CODES)
def replace_codes() -> ResponseReturnValue:
    """Replace them, and show the new ones."""
    return page("recovery_codes.html", codes=services().enrolling.replace_recovery_codes(web_session(), caller()))


@own_factor.get("/remove")
def confirm_remove() -> ResponseReturnValue:
    """The dialog to remove it."""
    return page("second_factor_remove.html", is_required=web_session().second_factor.is_required)


@own_factor.post("/remove")
@does(Act.REMOVE_SECOND_FACTOR)
def remove() -> ResponseReturnValue:
    """Remove it: the password alone signs in again."""
    services().enrolling.remove(web_session(), caller())
    return redirect(after_act(HOME, done="removed"), 303)


@own_factor.post("/reset-read")
@does()
def forget_reset() -> ResponseReturnValue:
    """The user has read that somebody reset it."""
    services().enrolling.forget_reset(web_session())
    return redirect(after_act(HOME), 303)


def _show(refusal: Conflict | None = None) -> Response:
    factor, done = services().enrolling.own(web_session().user.id), what_was_done().get("done")
    error, status = ("", 200) if refusal is None else (message(refusal), status_of(refusal))
    about = {"total": RECOVERY_CODES, "are_few": factor.codes_left <= FEW_RECOVERY_CODES}
    return page("second_factor.html", status, factor=factor, done=done, error=error, **about)


def _show_offer(offered: Offer, refusal: BadRequest | None = None) -> Response:
    drawing, fields = qr_code(_address(offered.secret)), field_errors(refusal) if refusal else {}
    status = 200 if refusal is None else status_of(refusal)
    # The offer as it is: a page that refuses masks text in which something looks like a secret, and this must work.
    return page("second_factor_new.html", status, qr=drawing, fields=fields, offer=offered, issuer=_issuer())


def _address(secret: str) -> str:
    """What apps read: https://github.com/google/google-authenticator/wiki/Key-Uri-Format."""
    label = quote(f"{_issuer()}:{web_session().user.username}", safe=":")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': _issuer()}, quote_via=quote)}"


def _issuer() -> str:
    """With the host, so that people tell the codes of several instances apart. Without its port: a colon ends it."""
    return f"Daypass {(urlsplit(base_url()).hostname or '').replace(':', ' ')}".strip()
