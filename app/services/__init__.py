"""The use cases: one method and one transaction each, audit row included; entry points use :class:`Services`.

Here belong decisions that need both rules and storage. Not here: HTTP, the command line, deployment settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.clock import Clock
from app.domain.secrets import KeyRing, TokenFormat
from app.services.accounts import Accounts
from app.services.attempts import Attempts
from app.services.audit_list import AuditList
from app.services.audit_log import AuditLog, audit_log
from app.services.break_glass import BreakGlass
from app.services.changing_passwords import ChangingPasswords
from app.services.check_counts import CheckCounts
from app.services.clients import Clients
from app.services.clock_agreement import ClockAgreement
from app.services.deleting_users import DeletingUsers, Deletion
from app.services.enrolling import Enrolling
from app.services.expiring import Expiring
from app.services.granting import Granting
from app.services.health import Health
from app.services.held_tokens import HeldTokens
from app.services.idempotency import Idempotency
from app.services.identifying import Identifying
from app.services.instance_settings import InstanceSettings
from app.services.introspecting import Introspecting
from app.services.issuing import Issuing
from app.services.job_runs import JobRuns
from app.services.joining import Joining
from app.services.key_fingerprints import KeyFingerprints
from app.services.last_use import LastUse
from app.services.linking import Linking
from app.services.listing import Listing
from app.services.minting import Minting
from app.services.moving import Moving
from app.services.overview import Overview
from app.services.passwords import Passwords
from app.services.provider_logout import ProviderLogout
from app.services.proxy_sign_in import ProxySignIn
from app.services.renaming import Renaming
from app.services.restoring import Restoring
from app.services.revoking import Revoking
from app.services.revoking_by_filter import RevokingByFilter
from app.services.rotating import Rotating
from app.services.scim import Scim, build_scim
from app.services.second_factors import FactorSecrets, SecondFactors
from app.services.service_accounts import ServiceAccounts
from app.services.sessions import Sessions
from app.services.setting_effects import SettingEffects
from app.services.sightings import Sightings
from app.services.single_sign_on import SingleSignOn
from app.services.single_tier import SingleTierTokens
from app.services.strays import Strays
from app.services.throttling import LoginThrottle
from app.services.token_history import TokenHistory
from app.services.token_lists import TokenLists
from app.services.user_list import UserList
from app.services.user_profiles import UserProfiles
from app.services.usernames import Usernames
from app.services.verifying import TokenVerifier
from app.storage.check import TokenLookup
from app.storage.client_check import ClientLookup
from app.storage.database import Database

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty


@dataclass(frozen=True)
class Services:
    """All use cases, one instance per process."""

    accounts: Accounts
    issuing: Issuing
    rotating: Rotating
    minting: Minting
    granting: Granting
    single_tier: SingleTierTokens
    verifier: TokenVerifier
    held_tokens: HeldTokens
    clients: Clients
    introspecting: Introspecting
    revoking: Revoking
    moving: Moving
    renaming: Renaming
    revoking_by_filter: RevokingByFilter
    restoring: Restoring
    identifying: Identifying
    expiring: Expiring
    listing: Listing
    token_lists: TokenLists
    token_history: TokenHistory
    user_list: UserList
    user_profiles: UserProfiles
    service_accounts: ServiceAccounts
    audit_list: AuditList
    overview: Overview
    instance_settings: InstanceSettings
    setting_effects: SettingEffects
    job_runs: JobRuns
    clock_agreement: ClockAgreement
    sightings: Sightings
    strays: Strays
    last_use: LastUse
    check_counts: CheckCounts
    sessions: Sessions
    enrolling: Enrolling
    joining: Joining
    proxy_sign_in: ProxySignIn
    linking: Linking
    single_sign_on: SingleSignOn
    provider_logout: ProviderLogout
    changing_passwords: ChangingPasswords
    deleting_users: DeletingUsers
    scim: Scim
    ring: KeyRing
    key_fingerprints: KeyFingerprints
    health: Health
    audit: AuditLog

    def close(self) -> None:
        """Write what is buffered, and close connections."""
        self.last_use.close()
        self.verifier.close()


NO_PARTIES: Mapping[str, "RelyingParty"] = {}


def build_services(
    database: Database,
    clock: Clock,
    *,
    token_keys: dict[str, bytes],
    pepper: bytes,
    prefixes: tuple[str, ...],
    passwords: Passwords,
    parties: Mapping[str, "RelyingParty"] = NO_PARTIES,
) -> Services:
    """Create the use cases from the values of ``config.Settings``; `parties`: Daypass as a client of each provider."""
    ring, format, idempotency = KeyRing(token_keys), TokenFormat(prefixes), Idempotency(pepper)
    lookup = TokenLookup(database)
    verifier, check_counts, sightings, strays, last_use = _recorders(database, clock, ring, format, lookup)
    accounts, sessions, enrolling, changing, deletion = _people(database, clock, pepper, passwords, sightings)
    held_tokens, listing = HeldTokens(database, clock, ring, format), Listing(database, clock, pepper)
    minting = Minting(database, clock, ring, format, held_tokens, idempotency)
    clients = Clients(ClientLookup(database, lookup), held_tokens, clock, ring, format)
    clock_agreement, key_fingerprints, audit, health = _guardians(database, clock, token_keys, pepper)
    joining, sign_on, logout = _of_providers(database, clock, sessions, deletion, sightings, parties, pepper)
    return Services(
        accounts=accounts,
        issuing=Issuing(database, clock, ring, format, held_tokens, accounts, idempotency),
        rotating=Rotating(database, clock, ring, format, held_tokens, idempotency),
        minting=minting, granting=Granting(minting, clients), clients=clients, held_tokens=held_tokens, listing=listing,
        introspecting=Introspecting(verifier, held_tokens, last_use, sightings),
        single_tier=SingleTierTokens(database, clock, ring, format, idempotency),
        verifier=verifier, revoking=Revoking(database, clock, held_tokens, verifier), moving=Moving(database, clock),
        renaming=Renaming(database, clock), revoking_by_filter=RevokingByFilter(database, clock, pepper),
        restoring=Restoring(database, clock, deletion), expiring=Expiring(database, clock, clock_agreement),
        identifying=Identifying(format, verifier, held_tokens, listing),
        token_lists=TokenLists(database, clock, pepper), token_history=TokenHistory(database, clock),
        user_list=UserList(database, clock, pepper), user_profiles=UserProfiles(database, clock, accounts, sessions),
        service_accounts=ServiceAccounts(database, clock, idempotency, deletion.usernames),
        audit_list=AuditList(database, pepper), overview=Overview(database, clock),
        instance_settings=InstanceSettings(database, clock), setting_effects=SettingEffects(database, clock),
        job_runs=JobRuns(database, clock), clock_agreement=clock_agreement, check_counts=check_counts,
        sightings=sightings, strays=strays, last_use=last_use, sessions=sessions, enrolling=enrolling, joining=joining,
        linking=Linking(database, clock), single_sign_on=sign_on, provider_logout=logout, changing_passwords=changing,
        deleting_users=DeletingUsers(database, clock, deletion),
        scim=build_scim(database, clock, ring, prefixes, idempotency, deletion.usernames),
        proxy_sign_in=ProxySignIn(database, clock, sessions.beginning, sightings),
        ring=ring, key_fingerprints=key_fingerprints, health=health, audit=audit,
    )  # fmt: skip


def _people(
    database: Database,
    clock: Clock,
    pepper: bytes,
    passwords: Passwords,
    sightings: Sightings,
) -> tuple[Accounts, Sessions, Enrolling, ChangingPasswords, Deletion]:
    """What signs users in, what changes what proves them, and what deleting them takes."""
    throttle, idempotency, usernames = LoginThrottle(database, clock, pepper), Idempotency(pepper), Usernames(pepper)
    attempts, secrets = Attempts(passwords, throttle, sightings), FactorSecrets(pepper)
    factors = SecondFactors(database, clock, secrets, throttle, attempts, sightings)
    accounts = Accounts(
        database, clock, passwords, throttle, idempotency, sightings, usernames, attempts, factors
    )  # fmt: skip
    sessions = Sessions(database, clock, accounts, factors, pepper)
    changing = ChangingPasswords(database, clock, passwords, accounts, factors)
    return accounts, sessions, Enrolling(database, clock, secrets), changing, Deletion(throttle, usernames)


def _of_providers(
    database: Database,
    clock: Clock,
    sessions: Sessions,
    deletion: Deletion,
    sightings: Sightings,
    parties: Mapping[str, "RelyingParty"],
    pepper: bytes,
) -> tuple[Joining, SingleSignOn, ProviderLogout]:
    """Single sign-on: whose account a person is, and the way to a provider and back."""
    joining = Joining(database, clock, sessions.beginning, deletion.usernames, pepper)
    sign_on = SingleSignOn(database, clock, joining, sightings, parties, pepper)
    return joining, sign_on, ProviderLogout(database, clock, joining, sightings, parties, pepper)


def _recorders(
    database: Database, clock: Clock, ring: KeyRing, format: TokenFormat, lookup: TokenLookup
) -> tuple[TokenVerifier, CheckCounts, Sightings, Strays, LastUse]:
    """The check, and what requests record in memory; one thread writes all of it."""
    check_counts, sightings = CheckCounts(database, clock), Sightings(database, clock)
    strays = Strays(database, clock, ring, format)
    last_use = LastUse(database, check_counts.flush, sightings.flush, strays.flush)
    check_counts.begin = sightings.begin = strays.begin = last_use.start
    verifier = TokenVerifier(lookup, clock, ring, format, check_counts)
    return verifier, check_counts, sightings, strays, last_use


def _guardians(
    database: Database, clock: Clock, token_keys: dict[str, bytes], pepper: bytes
) -> tuple[ClockAgreement, KeyFingerprints, AuditLog, Health]:
    """What watches over the clock, the keys, the audit log and the whole."""
    agreement, fingerprints = ClockAgreement(database, clock), KeyFingerprints(database, clock, token_keys, pepper)
    audit = audit_log(database, clock, agreement, pepper)
    warnings = {
        "clock jumps": agreement.warning,
        "audit": audit.sealing.warning,
        "break-glass": BreakGlass(database).warning,
    }
    return agreement, fingerprints, audit, Health(database, clock, fingerprints, warnings)
