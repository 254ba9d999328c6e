"""What signs people in and out, and changes what proves them."""

from app.services.accounts import Accounts
from app.services.attempts import Attempts
from app.services.building.ground import Ground
from app.services.changing_passwords import ChangingPasswords
from app.services.enrolling import Enrolling
from app.services.joining import Joining
from app.services.provider_logout import ProviderLogout
from app.services.proxy_sign_in import ProxySignIn
from app.services.recent_passwords import RecentPasswords
from app.services.second_factors import FactorSecrets, SecondFactors
from app.services.sessions import Sessions
from app.services.sightings import Sightings
from app.services.single_sign_on import SingleSignOn


class SigningIn:
    """By password and second factor, by a provider, and by a reverse proxy."""

    def __init__(self, on: Ground, sightings: Sightings) -> None:
        database, clock, pepper = on.database, on.clock, on.pepper
        attempts, secrets = Attempts(on.passwords, on.throttle, sightings), FactorSecrets(pepper)
        factors = SecondFactors(database, clock, secrets, on.throttle, attempts, sightings)
        self.accounts = Accounts(
            database, clock, on.passwords, on.throttle, on.idempotency, sightings, on.usernames, attempts, factors
        )  # fmt: skip
        self.recent_passwords = RecentPasswords(database, clock, self.accounts, on.throttle)
        self.sessions = Sessions(database, clock, self.accounts, factors, pepper)
        self.enrolling = Enrolling(database, clock, secrets)
        self.changing_passwords = ChangingPasswords(database, clock, on.passwords, self.accounts, factors)
        self.joining = Joining(database, clock, self.sessions.beginning, on.usernames, pepper)
        self.single_sign_on = SingleSignOn(database, clock, self.joining, sightings, on.parties, pepper)
        self.provider_logout = ProviderLogout(database, clock, self.joining, sightings, on.parties, pepper)
        self.proxy_sign_in = ProxySignIn(database, clock, self.sessions.beginning, sightings)
