"""Text to keep: what of it can be shown, and no secret in it."""

from app.domain.secrets import ANY_TOKEN_TEXT, TokenFormat, new_token_text
from app.domain.text import LONGEST_AGENT, agent_to_keep
from app.domain.tokens import TokenKind


def test_an_agent_is_kept_as_far_as_it_can_be_shown() -> None:
    for sent, kept in (
        (None, None), ("", None), ("a\r\nb\x00\x7f\xe9 1.0", "a??b??? 1.0"), ("x" * 300, "x" * LONGEST_AGENT),
    ):  # fmt: skip
        assert agent_to_keep(sent) == kept


def test_an_agent_that_is_a_token_is_kept_without_its_secret() -> None:
    """Fails when the text is cut to its length before it is cleaned (tried)."""
    made = new_token_text(TokenKind.ACCESS)
    token_text, public_id = TokenFormat(("dp",)).compose(made), made.public_id
    in_places = [f"{'x' * length}{token_text}" for length in (0, 195, 200, 225, 235, 250, 300)]
    for agent in (*in_places, f"etl token={token_text} (x)", f"TOKEN%3D{token_text}x", f"{token_text},{token_text}"):
        kept = agent_to_keep(agent)
        assert kept is not None
        assert made.secret[:4] not in kept and ANY_TOKEN_TEXT.search(kept) is None
    assert public_id in str(agent_to_keep(token_text))
