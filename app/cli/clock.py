"""``daypass clock …``: whether this host's clock may mark and delete, and the decision that it may."""

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import as_json, show_one, show_result
from app.services.clock_agreement import ClockState


@click.group("clock", cls=RefusingGroup)
def clock() -> None:
    """This host's clock, and the time that the database has seen pass."""


@clock.command("status")
@as_json
def status(as_json: bool) -> None:
    """Show this host's clock beside what the database knows of time."""
    show_one(_row(services().clock_agreement.state()), as_json)


@clock.command("accept")
@as_json
def accept(as_json: bool) -> None:
    """Trust this host's clock from now on: jobs mark and delete by it again."""
    state = services().clock_agreement.accept(operator())
    show_result(_row(state), f"This host's clock is accepted: {state.now:%Y-%m-%d %H:%M:%S} UTC.", as_json)


def _row(state: ClockState) -> dict[str, object]:
    mark = state.mark
    return {
        "clock": state.now,
        "database_clock": state.database_now,
        "trusted_time": mark.seen_at if mark else None,
        "agreement": state.agreement.value,
        "elsewhere_since": mark.elsewhere.since if mark and mark.elsewhere else None,
        "warning": state.warning,
    }
