"""The ways through the pages as they were before the lists could be searched."""

from tests.browser.errands.person import Person
from tests.browser.errands.scene import LEAVER, Scene

NOT_POSSIBLE = {
    "who revoked mine": "ask an administrator: audit log, object, Filter, and the answer goes back to the owner",
    "export what was never used": "in a terminal: `daypass token list --json`, and select those without `last_used_at`",
}
"""What the pages could not do, and the best way around."""


def create_and_copy(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(page.get_by_role("link", name="Create Refresh Token"), page.get_by_label("Name"))
    person.types("weekly-report")
    person.presses("Enter", page.get_by_label("Token Secret Key").first)
    person.clicks(page.get_by_role("button", name="Copy Token Secret Key"), page.get_by_text("copied"))
    person.clicks(page.get_by_role("link", name="Done"), page.get_by_role("table"))


def find_of_job(person: Person, scene: Scene) -> None:
    """The audit log knows under which refresh token an access token was minted."""
    page = person.page
    person.clicks(page.get_by_role("link", name="Audit log"), page.get_by_label("Object"))
    person.pastes(scene.access_token_of_job, page.get_by_label("Object"))
    person.presses("Enter", page.get_by_role("link", name=f"Only this object: {scene.access_token_of_job}"))
    person.clicks(page.get_by_role("link", name=scene.access_token_of_job, exact=True), page.get_by_text(scene.job))
    person.reads()


def expiring(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(
        page.get_by_role("navigation", name="Administration").get_by_role("link", name="Tokens"),
        page.get_by_text("Expiring within 7 days"),
    )
    person.clicks(page.get_by_role("link", name="Expiring within 7 days"), page.get_by_role("table"))
    person.reads()


def revoke_one_of_many(person: Person, scene: Scene) -> None:
    """Page after page, with the browser's own search on each."""
    page = person.page
    person.searches_page()
    while not page.get_by_text(scene.public_id_in_log).count():
        person.clicks(page.get_by_role("link", name="Older"), page.get_by_role("link", name="Newest"))
        page.wait_for_load_state()
        person.searches_page()
    person.reads()
    row = page.get_by_role("row").filter(has_text=scene.public_id_in_log)
    person.clicks(row.get_by_role("link", name="Revoke"), page.get_by_role("dialog"))
    person.clicks(page.get_by_role("dialog").get_by_role("button", name="Revoke"), page.get_by_role("status"))


def revoke_of_leaver(person: Person, _: Scene) -> None:
    page = person.page
    _open_user(person, LEAVER)
    person.clicks(page.get_by_role("link", name="Revoke API Tokens"), page.get_by_role("dialog"))
    person.types("left the team")
    person.presses("Enter", page.get_by_role("status"))
    person.reads()


def why_refused(person: Person, scene: Scene) -> None:
    page = person.page
    person.clicks(page.get_by_role("link", name="Audit log"), page.get_by_label("Object"))
    person.pastes(scene.refused, page.get_by_label("Object"))
    person.presses("Enter", page.get_by_text("the laptop was stolen"))
    person.reads()


def change_lifetime(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(page.get_by_role("link", name="Settings"), page.get_by_role("heading", name="Instance settings"))
    person.clicks(page.get_by_role("link", name="Change Refresh token lifetime"), page.get_by_label("New value"))
    person.types("30", page.get_by_label("New value"))
    person.presses("Enter", page.get_by_role("button", name="Change to 30 days"))
    person.reads()
    person.clicks(page.get_by_role("button", name="Change to 30 days"), page.get_by_role("status"))


def regenerate_expired(person: Person, _: Scene) -> None:
    """The row says Expired, and the button Create API Token."""
    page = person.page
    row = page.get_by_role("row").filter(has_text="a quarterly export")
    person.clicks(row.get_by_role("link", name="Create API Token"), page.get_by_role("dialog"))
    person.clicks(
        page.get_by_role("dialog").get_by_role("button", name="Create"), page.get_by_label("API access token").first
    )
    person.clicks(page.get_by_role("button", name="Copy API access token"), page.get_by_text("copied"))
    person.clicks(page.get_by_role("link", name="Done"), page.get_by_role("table"))


def _open_user(person: Person, username: str) -> None:
    page = person.page
    person.clicks(
        page.get_by_role("navigation", name="Administration").get_by_role("link", name="Users"),
        page.get_by_label("User name contains"),
    )
    person.types(username, page.get_by_label("User name contains"))
    found = page.get_by_role("link", name=username, exact=True)
    person.presses("Enter", page.get_by_role("row").nth(1).filter(has_text=username))
    person.clicks(found, page.get_by_role("link", name="Revoke API Tokens"))
