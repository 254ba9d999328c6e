"""``daypass clock …``: this host's clock beside what the database knows of time, and the decision to trust it."""

from datetime import timedelta

from freezegun import freeze_time

from app.domain.clock import system_clock
from app.services import Services
from tests.factories import accept_clock, make_user
from tests.integration.cli.conftest import CommandLine

MEMBERS = ["clock", "database_clock", "trusted_time", "agreement", "elsewhere_since", "warning"]


def test_a_clock_that_jumped_is_shown_until_it_is_accepted(daypass: CommandLine, services: Services) -> None:
    fresh = daypass.json("clock", "status")
    assert list(fresh) == MEMBERS
    assert (fresh["trusted_time"], fresh["agreement"], fresh["warning"]) == (None, "agrees", None)
    make_user(services)
    accept_clock(services)
    with freeze_time(system_clock() + timedelta(days=61)):
        held = daypass.refusal("job", "run", "expire_tokens")
        assert held.startswith("Held: ") and "61 days ahead" in held
        shown = daypass.json("clock", "status")
        assert (shown["agreement"], shown["elsewhere_since"]) == ("ahead", shown["clock"])
        assert f"Held: {shown['warning']}" == held
        (warning,) = daypass.run("job", "status").stderr.splitlines()
        assert warning == f"Warning: {shown['warning']}"
        assert {job["clock_warning"] for job in daypass.json("job", "status")} == {shown["warning"]}
        assert daypass.text("clock", "accept").startswith("This host's clock is accepted: ")
        assert daypass.json("clock", "status")["warning"] is None
        assert daypass.json("job", "run", "expire_tokens")["rows"] == 0
        event, _ = daypass.json("audit", "list", "--action", "clock.accepted")
        assert event["actor"].startswith("cli:") and "before" in event["detail"]
