"""The ladder of credentials: what each proof is enough for, and which changes grant a right."""

from itertools import product

import pytest

from app.domain.credentials import BY_PASSWORD, Credential, CredentialKind
from app.domain.errors import NotPermitted
from app.domain.identity import ApiTokens, Caller, Role
from app.domain.ladder import (
    BY_API,
    MANAGES,
    TOKENS,
    Act,
    Effect,
    Proof,
    act_of_change,
    proof_of,
    refuse_unless_allowed,
)
from app.domain.ladder_page import FILE, page
from app.domain.policy import INSTANCE_SETTINGS, find_setting
from app.domain.reissue import Reissue
from app.domain.setting import Setting

CREDENTIALS: dict[Proof | None, Credential | None] = {
    Proof.FRESH_SESSION: Credential(CredentialKind.SESSION, "1", is_fresh=True),
    Proof.SESSION: Credential(CredentialKind.SESSION, "1"),
    Proof.PASSWORD: BY_PASSWORD,
    Proof.SINGLE_TIER_TOKEN: Credential(CredentialKind.ACCESS_TOKEN, "a", is_single_tier=True),
    Proof.TWO_TIER_TOKEN: Credential(CredentialKind.ACCESS_TOKEN, "a"),
    Proof.OWN_SECRET: Credential(CredentialKind.REFRESH_TOKEN, "r"),
    Proof.COMMAND_LINE: Credential(CredentialKind.COMMAND_LINE, "root"),
    None: Credential(CredentialKind.JOB, "purge_tokens"),
}


def is_allowed(
    act: Act, credential: Credential | None, role: Role = Role.SERVER_ADMIN, on: tuple[str, ...] = ()
) -> bool:
    try:
        refuse_unless_allowed(act, Caller("anna", 1, credential=credential, role=role), lambda key: key in on)
    except NotPermitted:
        return False
    return True


def test_each_credential_proves_one_thing_and_none_proves_nothing() -> None:
    assert {proof: proof_of(each) for proof, each in CREDENTIALS.items()} == {each: each for each in CREDENTIALS}
    assert proof_of(None) is None


@pytest.mark.parametrize("act", Act, ids=lambda act: act.name)
def test_an_act_needs_one_of_its_proofs_and_where_it_says_so_a_setting(act: Act) -> None:
    """◆ Fails when a setting is not asked for, or a caller without a credential is let through."""
    for proof, credential in CREDENTIALS.items():
        switch = act.rule.needs.get(proof, "") if proof is not None else ""
        assert is_allowed(act, credential, on=(BY_API, MANAGES)) is (switch != "")
        assert is_allowed(act, credential) is (switch is None)
    assert not is_allowed(act, None, on=(BY_API, MANAGES))
    if act.rule.is_of_others:
        everyone = [each for each in CREDENTIALS if is_allowed(act, CREDENTIALS[each], Role.STEWARD, (BY_API, MANAGES))]
        assert everyone == [Proof.COMMAND_LINE]


def test_no_token_alone_creates_what_is_stronger_or_grants_a_right() -> None:
    """◆ With both settings off: a token creates at most a token like itself."""
    for act, proof in product(Act, TOKENS):
        if act.rule.effect is not Effect.ENDS:
            itself = (act, proof) == (Act.CREATE_API_TOKEN, Proof.SINGLE_TIER_TOKEN)
            assert is_allowed(act, CREDENTIALS[proof]) is itself, (act, proof)


def test_a_caller_who_is_refused_is_told_what_is_enough() -> None:
    for credential, words in (
        (CREDENTIALS[Proof.SESSION], ("more than ten minutes ago", "Confirm that it is you to create a user")),
        (CREDENTIALS[Proof.TWO_TIER_TOKEN], ("daypass conf api_can_manage_users -s on", "settings page")),
        (CREDENTIALS[Proof.OWN_SECRET], ("The token's own secret is not enough", "the command line")),
        (None, ("This caller is not enough",)),
    ):
        with pytest.raises(NotPermitted) as refused:
            refuse_unless_allowed(
                Act.CREATE_USER, Caller("anna", 1, credential=credential, role=Role.SERVER_ADMIN), lambda _: False
            )
        assert all(each in refused.value.what for each in words), refused.value.what


ROLES = {
    (Role.VIEWER, Role.SERVER_ADMIN): Act.RAISE_ROLE, (Role.SERVER_ADMIN, Role.VIEWER): Act.LOWER_ROLE,
    (Role.STEWARD, Role.COMPOSER): Act.LOWER_ROLE, (Role.COMPOSER, Role.STEWARD): Act.RAISE_ROLE,
    (Role.VIEWER, Role.INTROSPECTOR): Act.RAISE_ROLE, (Role.INTROSPECTOR, Role.VIEWER): Act.RAISE_ROLE,
    (Role.SERVER_ADMIN, Role.INTROSPECTOR): Act.LOWER_ROLE, (Role.INTROSPECTOR, Role.SERVER_ADMIN): Act.RAISE_ROLE,
}  # fmt: skip


def test_a_change_of_a_user_grants_unless_it_takes_away() -> None:
    assert {(before, after): act_of_change("role", before, after) for before, after in ROLES} == ROLES
    assert act_of_change("is_active", False, True) is Act.ENABLE_USER
    assert act_of_change("is_active", True, False) is Act.DISABLE_USER
    order = [ApiTokens.DENY, ApiTokens.INHERIT, ApiTokens.ALLOW]
    for before, after in product(order, order):
        expected = Act.DENY_API_TOKENS if order.index(after) < order.index(before) else Act.ALLOW_API_TOKENS
        assert act_of_change("api_tokens", before, after) is expected
    for column in ("password_hash", "has_temporary_password", "a column of tomorrow"):
        assert act_of_change(column, None, "x") is Act.SET_PASSWORD


STRICTER = {"second_factor_for_administrators"}
"""On requires more of people than off."""

HARMLESS = {"api_token_default_lifetime_days", "retention_days", "openapi_enabled"}


def test_raising_a_setting_grants_unless_it_is_declared_harmless() -> None:
    """◆ Fails when turning on `api_can_manage_users` is a change like another: a token could undo the rule."""
    raised = {each.key for each in INSTANCE_SETTINGS if each.is_wider(*_lowest_and_highest(each))}
    assert raised == {each.key for each in INSTANCE_SETTINGS} - HARMLESS - STRICTER
    lowered = {each.key for each in INSTANCE_SETTINGS if each.is_wider(*_lowest_and_highest(each)[::-1])}
    traces = {"audit_days", "audit_high_volume_days"}
    assert lowered == traces | STRICTER, "a token could have its own traces deleted, or administrators need less"


def _lowest_and_highest(setting: Setting[object]) -> tuple[str, str]:
    if setting.choices:
        return ("off", "on") if "on" in setting.choices else (setting.choices[0], setting.choices[-1])
    if setting.zero == "unlimited":
        return str(setting.high), "0"
    return str(setting.low), "-1" if setting.may_be_unlimited else str(setting.high)


def test_a_change_widens_by_number_and_in_order_of_the_choices() -> None:
    reissue, longest = find_setting("access_token_reissue"), find_setting("api_token_max_lifetime_days")
    assert reissue is not None and longest is not None
    assert [reissue.is_wider(Reissue.OVERLAP, each) for each in Reissue] == [False, False, True]
    assert [longest.is_wider("90", each) for each in ("9", "90", "100", "-1")] == [False, False, True, True]
    assert [longest.is_wider("-1", each) for each in ("9", "-1")] == [False, False]


def test_the_page_of_the_ladder_is_derived() -> None:
    """Run ``make docs`` if not."""
    assert FILE.read_text(encoding="utf-8") == page()
    assert all(f"| {act.rule.words}" in page() for act in Act)
