"""Every action that Daypass records has a name and a sentence."""

import re
from pathlib import Path
from typing import Any

from app.domain.audit import HIGH_VOLUME, AuditEvent
from app.domain.audit_words import ACTIONS, actions_with, sentence
from app.domain.ocsf import CLASSES
from tests.unit.storage.planting import NOW


def said(action: str, object_id: str = "anna", **detail: Any) -> str:
    event = AuditEvent(1, NOW, "clara", 1, action, "user", object_id, None, None, "done", detail)
    return "".join(f"[{each.text}]" if each.is_object else each.text for each in sentence(event))


def test_every_action_that_daypass_records_has_words_and_no_other_has() -> None:
    sources = "".join(path.read_text() for path in Path("app/services").glob("*.py"))
    sources += Path("app/domain/audit.py").read_text()
    things = "access_token|administration|audit|clock|database|instance_setting|keys|provider|refresh_token|session"
    things += "|scim_group|scim_token|second_factor"
    recorded = set(re.findall(rf'"((?:{things}|sessions|sign_in|tokens|user)\.[a-z_]+)"', sources))
    recorded |= {f"user.{column}_changed" for column in ("role", "api_tokens")}  # composed in ``accounts``
    assert set(ACTIONS) == recorded
    assert set(CLASSES) | HIGH_VOLUME <= set(ACTIONS)
    assert len({words.name for words in ACTIONS.values()}) == len(ACTIONS)


def test_a_sentence_counts_what_it_names() -> None:
    counts = {"refresh_tokens": 2, "access_tokens": 1}
    revoked = "revoked 2 refresh tokens and 1 access token"
    assert said("user.tokens_revoked", **counts) == f"{revoked} of [anna]"
    assert said("tokens.revoked", "0" * 16, **counts) == f"{revoked} that matched a filter"
    assert said("instance_setting.changed", "retention_days", before="60", after="90") == (
        "changed [retention_days] from 60 to 90"
    )
    assert said("audit.purged", "ordinary", events=1) == "deleted 1 ordinary event of the audit log"
    assert (
        said("tokens.purged", "refresh_tokens", rows=1208)
        == "deleted 1,208 rows of [refresh_tokens] that ended long ago"
    )


def test_an_event_of_another_release_is_told_without_its_details() -> None:
    assert said("user.tokens_revoked") == "All tokens of a user revoked: [anna]"
    assert said("token.rotated", "3gr5lo7qmcxg") == "token.rotated: [3gr5lo7qmcxg]"


def test_actions_are_found_by_parts_of_both_their_names() -> None:
    assert actions_with("SIGN-IN UN") == actions_with("sign_in_un") == ["user.sign_in_unlocked"]
    assert actions_with("nothing of the kind") == []
