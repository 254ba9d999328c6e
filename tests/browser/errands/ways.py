"""The ways through the pages: the search box, the pills, the menu of a row, Export CSV."""

from playwright.sync_api import Locator, Page

from tests.browser.errands.person import Person
from tests.browser.errands.scene import LEAVER, Scene


def create_and_copy(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(page.get_by_role("link", name="Create Refresh Token"), page.get_by_label("Name", exact=True))
    person.types("weekly-report")
    person.presses("Enter", page.locator("#secret"))
    person.clicks(
        page.get_by_role("button", name="Copy Key to Clipboard"), page.locator("#copied").filter(has_text="opied")
    )
    person.clicks(_done(page), page.get_by_role("table"))


def find_of_job(person: Person, scene: Scene) -> None:
    """By the public id of the access token that the job sends."""
    _search_all(person, scene.access_token_of_job, person.page.get_by_role("row").filter(has_text=scene.job))
    person.reads()


def expiring(person: Person, _: Scene) -> None:
    """The overview says it, with a link to the list."""
    page = person.page
    person.clicks(page.get_by_role("link", name="within 7 days"), page.locator("main a[aria-current]"))
    person.reads()


def revoke_one_of_many(person: Person, scene: Scene) -> None:
    page = person.page
    row = page.get_by_role("row").filter(has_text=scene.public_id_in_log)
    person.presses("/")
    person.pastes(scene.public_id_in_log)
    person.presses("Enter", row)
    person.clicks(row.locator("summary"), row.get_by_role("link", name="Revoke"))
    person.clicks(row.get_by_role("link", name="Revoke"), page.get_by_role("dialog"))
    person.clicks(page.get_by_role("dialog").get_by_role("button", name="Revoke"), page.get_by_role("status"))


def revoke_of_leaver(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(_main(page, "Users"), page.get_by_role("searchbox"))
    person.presses("/")
    person.types(LEAVER)
    person.presses("Enter", page.get_by_role("row").nth(1).filter(has_text=LEAVER))
    person.clicks(page.get_by_role("link", name=LEAVER, exact=True), _revoke_all(page))
    person.clicks(_revoke_all(page), page.get_by_role("dialog"))
    person.types("left the team")
    person.presses("Enter", page.get_by_role("status"))
    person.reads()


def why_refused(person: Person, scene: Scene) -> None:
    """Its row says by whom, when and why."""
    _search_all(person, scene.refused, person.page.get_by_text("the laptop was stolen"))
    person.reads()


def who_revoked(person: Person, _: Scene) -> None:
    """The row of a revoked token says it where others have their dates."""
    person.page.get_by_text("the laptop was stolen").first.wait_for()
    person.reads()


def change_lifetime(person: Person, _: Scene) -> None:
    """The page says what it will affect while one types."""
    page = person.page
    setting = page.locator("#refresh_token_lifespan")
    person.clicks(_main(page, "Settings"), setting)
    person.types("30", setting.get_by_role("spinbutton"))
    save = setting.get_by_role("button", name="Save")
    save.wait_for()
    person.reads()
    person.clicks(save, page.get_by_role("status"))
    person.reads()


def export_never_used(person: Person, _: Scene) -> None:
    page = person.page
    person.clicks(_main(page, "Tokens", of_all=True), page.get_by_text("More filters"))
    person.clicks(page.get_by_text("More filters"), page.get_by_label("Never Used"))
    person.clicks(page.get_by_label("Never Used"))
    person.presses("ArrowDown")
    person.presses("Enter")
    person.clicks(page.get_by_role("button", name="Show tokens"), page.locator(".chips"))
    with page.expect_download() as download:
        person.clicks(page.get_by_role("link", name="Export CSV"))
    assert download.value.path().read_text().count("\n") > 1


def regenerate_expired(person: Person, _: Scene) -> None:
    page = person.page
    row = page.get_by_role("row").filter(has_text="a quarterly export")
    person.clicks(row.get_by_role("link", name="Regenerate API Token").locator("visible=true"), _dialog(page))
    person.clicks(_dialog(page).get_by_role("button", name="Regenerate API Token"), page.locator("#secret"))
    person.clicks(
        page.get_by_role("button", name="Copy Token to clipboard"), page.locator("#copied").filter(has_text="opied")
    )
    person.clicks(_done(page), page.get_by_role("table"))


def _search_all(person: Person, what: str, until: Locator) -> None:
    """As an administrator, among all users' tokens."""
    person.clicks(_main(person.page, "Tokens", of_all=True), person.page.get_by_role("searchbox"))
    person.presses("/")
    person.pastes(what)
    person.presses("Enter", until)


def _main(page: Page, name: str, of_all: bool = False) -> Locator:
    """A link of the sidebar; both parts have "Tokens": the user's own, and all."""
    found = page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True)
    return found.last if of_all else found


def _dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def _done(page: Page) -> Locator:
    return page.get_by_role("button", name="Done")


def _revoke_all(page: Page) -> Locator:
    return page.get_by_role("link", name="Revoke API Tokens")
