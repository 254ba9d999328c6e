"""What makes, shows and ends tokens."""

from app.services.accounts import Accounts
from app.services.batch_verifying import BatchVerifying
from app.services.building.checking import Checking
from app.services.building.ground import Ground
from app.services.bulk_revocations import BulkRevocations
from app.services.clients import Clients
from app.services.clock_agreement import ClockAgreement
from app.services.expiring import Expiring
from app.services.granting import Granting
from app.services.held_tokens import HeldTokens
from app.services.identifying import Identifying
from app.services.introspecting import Introspecting
from app.services.issuing import Issuing
from app.services.listing import Listing
from app.services.minting import Minting
from app.services.moving import Moving
from app.services.renaming import Renaming
from app.services.revoking import Revoking
from app.services.revoking_by_filter import RevokingByFilter
from app.services.rotating import Rotating
from app.services.single_tier import SingleTierTokens
from app.services.token_history import TokenHistory
from app.services.token_lists import TokenLists
from app.storage.client_and_token import ClientAndTokenLookup
from app.storage.client_check import ClientLookup


class Tokens:
    """Of both kinds, and what OAuth makes of them."""

    def __init__(self, on: Ground, checking: Checking, accounts: Accounts, agreement: ClockAgreement) -> None:
        database, clock, ring, format, idempotency = on.database, on.clock, on.ring, on.format, on.idempotency
        verifier = checking.verifier
        self.ring = ring
        self.held_tokens = held = HeldTokens(database, clock, ring, format)
        self.issuing = Issuing(database, clock, ring, format, held, accounts, idempotency)
        self.rotating = Rotating(database, clock, ring, format, held, idempotency)
        self.minting = Minting(database, clock, ring, format, held, idempotency)
        self.clients = Clients(ClientLookup(database, on.lookup), held, clock, ring, format)
        self.granting = Granting(self.minting, self.clients)
        self.batch_verifying = BatchVerifying(database, clock, ring, format, checking.check_counts)
        self.introspecting = Introspecting(
            verifier, ClientAndTokenLookup(database, on.lookup), format, held, checking.last_use, checking.sightings
        )
        self.single_tier = SingleTierTokens(database, clock, ring, format, idempotency)
        self.revoking = Revoking(database, clock, held, verifier)
        self.revoking_by_filter = RevokingByFilter(database, clock, on.pepper)
        self.bulk_revocations = BulkRevocations(database, clock)
        self.moving = Moving(database, clock)
        self.renaming = Renaming(database, clock)
        self.expiring = Expiring(database, clock, agreement)
        self.listing = Listing(database, clock, on.pepper)
        self.identifying = Identifying(format, verifier, held, self.listing)
        self.token_lists = TokenLists(database, clock, on.pepper)
        self.token_history = TokenHistory(database, clock)
