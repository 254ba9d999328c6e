"""A process that writes to the database until it is killed, and prints how often it has."""

import sys
from itertools import count

from app.factory import create_app
from app.http.context import parts
from tests.factories import OPERATOR, configure, issue, make_user, mint


def main() -> None:
    services = parts(create_app()).services
    user = next(services.accounts.every(), None) or make_user(services)
    configure(services, creations_per_hour=1_000_000)
    for number in count(1):
        sys.stdout.write(f"{number} writes\n")
        sys.stdout.flush()
        refresh = issue(services, user)
        mint(services, refresh)
        if number % 2:
            services.revoking.revoke(refresh.token.public_id, "written", OPERATOR)
