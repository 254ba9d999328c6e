"""The audit trail: one row for each change, written in the change's own transaction.

If the row can't be written, the change does not happen. Here belongs how a row is made. Not here: reading
(``listing``), and events that change nothing, which go to the log.
"""

import json
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.identity import Caller
from app.storage import audit


def record(
    session: Session,
    now: datetime,
    caller: Caller,
    action: str,
    subject: tuple[str, str],
    **detail: str | int | bool | None,
) -> None:
    """Append "`caller` did `action` to `subject`".

    `action`: ``<thing>.<past participle>``. `subject`: kind and public handle, such as ``("user", "anna")``.
    `detail` must never hold a secret.
    """
    kind, handle = subject
    audit.append(
        session,
        now,
        actor=caller.name,
        actor_id=caller.user_id,
        action=action,
        object_kind=kind,
        object_id=handle,
        address=caller.address,
        request_id=caller.request_id,
        result="done",
        detail=json.dumps(detail, sort_keys=True),
    )
