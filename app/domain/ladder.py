"""The ladder of credentials: every act that creates a credential, grants a right or ends one, and the proof it needs.

Guards, pages, APIs and ``docs/ladder.md`` derive from the table :class:`Act`; services refuse what it does not allow,
whichever entry point they are called from. Not here: what else an act needs (permissions, limits, lifetimes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import NotPermitted
from app.domain.identity import ApiTokens, Caller, Role

ADMINISTRATORS_ONLY = "Only server administrators may do this."


class Effect(StrEnum):
    """What an act does to credentials and rights."""

    CREATES = "creates a credential"
    GRANTS = "grants a right"
    ENDS = "ends one"


class Proof(StrEnum):
    """What a caller shows, in the words of refusals."""

    FRESH_SESSION = "A session whose user proved who they are in the last ten minutes"
    SESSION = "A session"
    PASSWORD = "A password"
    PROVIDER = "A sign-in at a provider"
    PROXY = "The header of a trusted proxy"
    SINGLE_TIER_TOKEN = "An API token without a refresh token"
    TWO_TIER_TOKEN = "An access token of a refresh token"
    OWN_SECRET = "The token's own secret"
    COMMAND_LINE = "The command line"
    SCIM_TOKEN = "A SCIM token"


Needs = dict[Proof, str | None]
"""The proofs of which each is enough: at any time (None), or while the instance setting with this key is on."""

TOKENS = (Proof.SINGLE_TIER_TOKEN, Proof.TWO_TIER_TOKEN)
BY_API = "api_can_create_refresh_tokens"
MANAGES = "api_can_manage_users"


def _each(*proofs: Proof, while_on: str | None = None) -> Needs:
    return dict.fromkeys(proofs, while_on)


_ON_PAGES = _each(Proof.FRESH_SESSION, Proof.COMMAND_LINE)
_FRESH_ONLY = _each(Proof.FRESH_SESSION)
_IN_A_SESSION = _each(Proof.SESSION, Proof.FRESH_SESSION)
_TOKENS_BY_API = _each(*TOKENS, while_on=BY_API)
_GRANTS = _ON_PAGES | _each(*TOKENS, while_on=MANAGES)
_ENDS = _ON_PAGES | _each(*TOKENS)
_REVOKES = _ENDS | _each(Proof.PASSWORD)


@dataclass(frozen=True)
class Rule:
    """`words`: the act, after "to". `is_of_others`: for server administrators, and commands.

    `is_of_accounts`: for them and those who answer for the service account (``app.domain.service_accounts``).
    """

    words: str
    effect: Effect
    needs: Needs
    is_of_others: bool = False
    is_of_accounts: bool = False


class Act(Enum):
    """The table."""

    SIGN_IN = Rule("sign in on the pages", Effect.CREATES, _each(Proof.PASSWORD, Proof.PROVIDER, Proof.PROXY))
    CREATE_REFRESH_TOKEN = Rule(
        "create a refresh token", Effect.CREATES, _ON_PAGES | _each(Proof.PASSWORD) | _TOKENS_BY_API
    )
    REGENERATE = Rule(
        "regenerate a refresh token", Effect.CREATES, _ON_PAGES | _each(Proof.OWN_SECRET) | _TOKENS_BY_API
    )
    ROTATE = Rule("rotate a refresh token", Effect.CREATES, _ON_PAGES | _each(Proof.OWN_SECRET) | _TOKENS_BY_API)
    MINT = Rule(
        "create an access token from a refresh token",
        Effect.CREATES,
        _ON_PAGES | _each(Proof.OWN_SECRET) | _TOKENS_BY_API,
    )
    CREATE_API_TOKEN = Rule(
        "create an API token without a refresh token",
        Effect.CREATES,
        _ON_PAGES | _each(Proof.PASSWORD, Proof.SINGLE_TIER_TOKEN) | _each(Proof.TWO_TIER_TOKEN, while_on=BY_API),
    )
    CREATE_FOR_SERVICE_ACCOUNT = Rule(
        "create a token of a service account, or give one a new secret",
        Effect.CREATES,
        _ON_PAGES | _TOKENS_BY_API,
        is_of_accounts=True,
    )
    CHANGE_OWN_PASSWORD = Rule("change your own password", Effect.CREATES, _each(Proof.PASSWORD))
    ADD_SECOND_FACTOR = Rule("add a second factor to your account, or another", Effect.CREATES, _FRESH_ONLY)
    REPLACE_RECOVERY_CODES = Rule("replace your recovery codes", Effect.CREATES, _FRESH_ONLY)
    REMOVE_SECOND_FACTOR = Rule("remove your second factor", Effect.GRANTS, _FRESH_ONLY)
    CREATE_USER = Rule("create a user", Effect.GRANTS, _GRANTS, is_of_others=True)
    SET_PASSWORD = Rule("set another user's password", Effect.GRANTS, _GRANTS, is_of_others=True)
    RAISE_ROLE = Rule("give a user a role that is not weaker", Effect.GRANTS, _GRANTS, is_of_others=True)
    ENABLE_USER = Rule("enable a user", Effect.GRANTS, _GRANTS, is_of_others=True)
    ALLOW_API_TOKENS = Rule("allow a user API tokens", Effect.GRANTS, _GRANTS, is_of_others=True)
    EDIT_USER = Rule("change a user's e-mail, names or title", Effect.GRANTS, _GRANTS, is_of_others=True)
    RENAME_USER = Rule("change a user name", Effect.GRANTS, _GRANTS, is_of_others=True)
    MAKE_RESPONSIBLE = Rule(
        "make a person responsible for a service account", Effect.GRANTS, _GRANTS, is_of_others=True
    )
    MOVE_OWN = Rule("move your own token to a service account that you are responsible for", Effect.GRANTS, _ON_PAGES)
    MOVE_OF_OTHERS = Rule("move a token to another owner", Effect.GRANTS, _GRANTS, is_of_others=True)
    LINK_USER = Rule("let a person at a provider sign in as a user", Effect.GRANTS, _GRANTS, is_of_others=True)
    UNLOCK_SIGN_IN = Rule("let a user sign in from new places again", Effect.GRANTS, _ON_PAGES, is_of_others=True)
    RESET_SECOND_FACTOR = Rule("remove another user's second factor", Effect.GRANTS, _ON_PAGES, is_of_others=True)
    WIDEN_SETTING = Rule(
        "change an instance setting so that it allows more, or how long the audit log is kept",
        Effect.GRANTS,
        _GRANTS,
        is_of_others=True,
    )
    CREATE_SCIM_TOKEN = Rule("create a SCIM token", Effect.CREATES, _ON_PAGES, is_of_others=True)
    MAP_GROUP = Rule("give the members of a directory's group a role", Effect.GRANTS, _ON_PAGES, is_of_others=True)
    HAND_TO_SCIM = Rule("let SCIM manage a local user, or no longer", Effect.GRANTS, _ON_PAGES, is_of_others=True)
    PROVISION = Rule("create and change users and groups by SCIM", Effect.GRANTS, _each(Proof.SCIM_TOKEN))
    REVOKE_OWN = Rule("revoke your own token", Effect.ENDS, _REVOKES | _IN_A_SESSION | _each(Proof.OWN_SECRET))
    REVOKE_ALL_OWN = Rule("revoke all your own tokens", Effect.ENDS, _REVOKES)
    REVOKE_OF_SERVICE_ACCOUNT = Rule(
        "revoke a token of a service account", Effect.ENDS, _REVOKES | _IN_A_SESSION, is_of_accounts=True
    )
    REVOKE_OF_OTHERS = Rule("revoke other users' tokens", Effect.ENDS, _REVOKES, is_of_others=True)
    END_SESSIONS_OF_OTHERS = Rule("sign other users out", Effect.ENDS, _ENDS, is_of_others=True)
    LOWER_ROLE = Rule("give a user a weaker role", Effect.ENDS, _ENDS, is_of_others=True)
    DISABLE_USER = Rule("disable a user", Effect.ENDS, _ENDS, is_of_others=True)
    UNLINK_USER = Rule("no longer let a person at a provider sign in as a user", Effect.ENDS, _ENDS, is_of_others=True)
    DELETE_USER = Rule("delete a user, for good", Effect.ENDS, _GRANTS, is_of_others=True)
    DENY_API_TOKENS = Rule("no longer allow a user API tokens", Effect.ENDS, _ENDS, is_of_others=True)
    CHANGE_SETTING = Rule("change an instance setting otherwise", Effect.ENDS, _ENDS, is_of_others=True)
    REVOKE_SCIM_TOKEN = Rule("revoke a SCIM token", Effect.ENDS, _ON_PAGES, is_of_others=True)
    UNMAP_GROUP = Rule("take its role from a directory's group", Effect.ENDS, _ON_PAGES, is_of_others=True)
    DEPROVISION = Rule("disable users and delete groups by SCIM", Effect.ENDS, _each(Proof.SCIM_TOKEN))
    SIGN_OUT = Rule("sign out", Effect.ENDS, _IN_A_SESSION)

    @property
    def rule(self) -> Rule:
        return self.value

    @property
    def needs_fresh_proof(self) -> bool:
        """Whether a page asks again who its user is, where that was not proved recently."""
        return Proof.FRESH_SESSION in self.rule.needs and Proof.SESSION not in self.rule.needs


OF_USERS = (
    Act.RAISE_ROLE, Act.LOWER_ROLE, Act.ENABLE_USER, Act.DISABLE_USER, Act.ALLOW_API_TOKENS, Act.DENY_API_TOKENS,
    Act.EDIT_USER, Act.RENAME_USER,
    Act.MAKE_RESPONSIBLE,
)  # fmt: skip
"""The acts of changing a user (:func:`act_of_change`)."""

_PROOFS = {
    CredentialKind.PASSWORD: Proof.PASSWORD,
    CredentialKind.PROVIDER: Proof.PROVIDER,
    CredentialKind.PROXY: Proof.PROXY,
    CredentialKind.SESSION: Proof.SESSION,
    CredentialKind.ACCESS_TOKEN: Proof.TWO_TIER_TOKEN,
    CredentialKind.REFRESH_TOKEN: Proof.OWN_SECRET,
    CredentialKind.COMMAND_LINE: Proof.COMMAND_LINE,
    CredentialKind.SCIM_TOKEN: Proof.SCIM_TOKEN,
}


def proof_of(credential: Credential | None) -> Proof | None:
    """What a credential proves; None for jobs, and without one."""
    if credential is None:
        return None
    if credential.is_fresh:
        return Proof.FRESH_SESSION
    return Proof.SINGLE_TIER_TOKEN if credential.is_single_tier else _PROOFS.get(credential.kind)


def refuse_unless_allowed(act: Act, caller: Caller, is_on: Callable[[str], bool]) -> None:
    """Refuse with NotPermitted a caller whose credential is not enough.

    `is_on`: whether the switch with this key is on; not asked where that makes no difference.
    """
    rule, proof = act.rule, proof_of(caller.credential)
    if rule.is_of_others and caller.role is not Role.SERVER_ADMIN and proof is not Proof.COMMAND_LINE:
        raise NotPermitted(ADMINISTRATORS_ONLY)
    if proof is None or proof not in rule.needs:
        raise NotPermitted(_not_enough(rule, proof))
    switch = rule.needs[proof]
    if switch is not None and not is_on(switch):
        raise NotPermitted(
            f"An access token is not enough to {rule.words} on this instance. A server administrator can change that, "
            f"on the settings page or with: daypass conf {switch} -s on."
        )


def _not_enough(rule: Rule, proof: Proof | None) -> str:
    if proof is Proof.SESSION and Proof.FRESH_SESSION in rule.needs:
        return f"Confirm that it is you to {rule.words}: the last time was more than ten minutes ago."
    enough = "; ".join(each[0].lower() + each[1:] for each in Proof if each in rule.needs)
    return f"{proof or 'This caller'} is not enough to {rule.words}. Enough is: {enough}."


def act_of_change(column: str, before: object, after: object) -> Act:
    """The act of changing this column of a user."""
    if column == "role":
        return Act.LOWER_ROLE if is_weaker(Role(str(after)), Role(str(before))) else Act.RAISE_ROLE
    if column == "is_active":
        return Act.ENABLE_USER if after else Act.DISABLE_USER
    if column == "api_tokens":
        return Act.DENY_API_TOKENS if STRENGTH[after] < STRENGTH[before] else Act.ALLOW_API_TOKENS
    if column == "username":
        return Act.RENAME_USER
    if column in ("responsible_id", "deputy_id"):
        return Act.MAKE_RESPONSIBLE
    return Act.EDIT_USER if column in ("email", "first_name", "last_name", "title") else Act.SET_PASSWORD


STRENGTH: dict[object, int] = {ApiTokens.DENY: 0, ApiTokens.INHERIT: 1, ApiTokens.ALLOW: 2}


def is_weaker(role: Role, than: Role) -> bool:
    """Whether a role has fewer permissions. INTROSPECTOR has one that only administrators have, and lacks others."""
    if Role.INTROSPECTOR in (role, than):
        return than is Role.SERVER_ADMIN and role is Role.INTROSPECTOR
    return list(Role).index(role) > list(Role).index(than)


def gains_rights(before: Role, after: Role) -> bool:
    """Whether somebody gains a right who gets the second role in place of the first."""
    return before is not after and not is_weaker(after, than=before)
