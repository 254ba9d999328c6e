"""What the text of a search can mean, and that a secret is refused."""

import pytest

from app.domain.errors import BadRequest
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.token_filter import TokenFilter
from app.domain.token_search import public_id_part, uuid_start
from app.domain.tokens import TokenKind


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("3gr5lo7qmcxg", ("3gr5lo7qmcxg", True)),
        ("dpr_3gr5lo7qmcxg", ("3gr5lo7qmcxg", True)),
        ("DPA_3GR5LO7QMCXG", ("3gr5lo7qmcxg", True)),
        ("dpr_3gr5lo7qmcxg…", ("3gr5lo7qmcxg", True)),
        ("dpr_3gr5lo7qmcxg...", ("3gr5lo7qmcxg", True)),
        ("dpr_3gr5lo7qmcxg_iZuKWi", ("3gr5lo7qmcxg", True)),
        ("3gr5lo7qmcxg_iZuKWi", ("3gr5lo7qmcxg", True)),
        ("dpr_3g", ("3g", True)),
        ("lo7q", ("lo7q", False)),
        ("etl", None),
        ("nightly-etl", None),
        ("nightly_etl", None),
        ("3gr5lo7qmcxg3", None),
        ("dpr_", None),
        ("ü" * 12, None),
    ],
)
def test_a_public_id_is_known_with_or_without_its_prefix_and_by_its_start(search: str, found: object) -> None:
    assert public_id_part(search) == found


def test_a_token_id_is_known_by_its_start() -> None:
    uuid = "0b9f7cde-59a6-4d3c-a1b4-3a7b2f0d9e11"
    for start in (uuid, uuid.upper(), uuid[:8], uuid[:9], uuid[:20]):
        assert uuid_start(start) == start.lower()
    for other in (uuid[:7], "backup-of-all", uuid + "0"):
        assert uuid_start(other) is None


@pytest.mark.parametrize("kind", TokenKind)
def test_a_secret_is_not_searched_for_and_not_named_in_the_refusal(kind: TokenKind) -> None:
    token = new_token_text(kind)
    whole = TokenFormat(("dp",)).compose(token)
    for pasted in (whole, f"Authorization: Bearer {whole}", whole[4:], token.secret, whole[:40]):
        with pytest.raises(BadRequest) as refused:
            TokenFilter(search=pasted)
        assert "Identify" in refused.value.message
        assert "search" in refused.value.fields
        assert token.secret[:20] not in repr(refused.value)
