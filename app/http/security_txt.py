"""``/.well-known/security.txt``: where to report a vulnerability of this instance (RFC 9116)."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from flask import Response

from app.domain.clock import utc_text
from app.domain.errors import NotFound
from app.http.context import parts
from app.http.guards import ANYBODY, GuardedBlueprint

PATH = "/.well-known/security.txt"

GOOD_FOR = timedelta(days=90)
"""RFC 9116 recommends less than a year."""


def security_txt_blueprint(contacts: Sequence[str], policy: str, languages: Sequence[str]) -> GuardedBlueprint:
    """The route; 404 without contacts. `contacts`: URIs, the preferred one first. `policy`: a URI; empty for none.

    `languages`: their tags.
    """
    blueprint = GuardedBlueprint("security_txt", __name__, guard=ANYBODY)

    @blueprint.get(PATH)
    def security_txt() -> Response:
        """The file, while the setting has a contact."""
        if not contacts:
            raise NotFound("file")
        fields = [("Contact", each) for each in contacts]
        fields.append(("Expires", utc_text(_expires_at(parts().clock()), "seconds")))
        optional = {"Preferred-Languages": ", ".join(languages), "Canonical": _canonical(), "Policy": policy}
        fields += [(name, value) for name, value in optional.items() if value]
        answer = Response("".join(f"{name}: {value}\n" for name, value in fields), mimetype="text/plain")
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    return blueprint


def _expires_at(now: datetime) -> datetime:
    """A midnight, so that all workers and hosts give the same answer for a day."""
    return datetime.combine((now + GOOD_FOR).date(), time(), now.tzinfo)


def _canonical() -> str:
    """Where the public URL says that the file is; empty where it is not there or, as the RFC demands, not HTTPS."""
    public_url = parts().public_url
    return f"{public_url}{PATH}" if public_url and public_url.is_https else ""
