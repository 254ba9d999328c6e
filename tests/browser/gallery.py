"""Every page and every dialog in each state worth looking at: its name, who sees it, and how one gets there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Page

from app.services.throttling import NEW_PLACE_LIMIT
from app.web.done import SEAL, seal_of
from app.web.form_tokens import unpadded
from tests.browser import sample
from tests.browser.past import Past
from tests.drivers.browser import Visitor, posted, settled
from tests.drivers.server import LiveServer
from tests.factories import ISSUER, PASSWORD

AUTH, PREFERENCES = "/account/auth", "/preferences/access-tokens"
NAMED_BY_PROXY, PROXY_EXIT = "Remote-User", "https://proxy.example.com/sign_out"

Go = Callable[[Visitor], object]


@dataclass(frozen=True)
class View:
    """`who`: the user name of who sees it, "" for somebody who is not signed in. `go`: the way there."""

    name: str
    who: str
    go: Go
    is_dialog: bool = False


def at(path: str) -> Go:
    return lambda visitor: visitor.page.goto(path)


def after(go: Go, act: Go) -> Go:
    def further(visitor: Visitor) -> None:
        go(visitor)
        act(visitor)

    return further


def opened(page: str | Go, link: str) -> Go:
    """On that page, the dialog of a link, shown in place."""

    def click(visitor: Visitor) -> None:
        visitor.page.get_by_role("link", name=link).locator("visible=true").first.click()
        visitor.page.locator("dialog[open]").wait_for()

    return after(at(page) if isinstance(page, str) else page, click)


def from_menu(page: str, of: str, link: str) -> Go:
    """On that page, the dialog of a link in the menu of a row."""

    def click(visitor: Visitor) -> None:
        menu = visitor.page.get_by_role("row").filter(has_text=of).first.locator("details.menu")
        menu.locator("summary").click()
        menu.get_by_role("link", name=link, exact=True).click()
        visitor.page.locator("dialog[open]").wait_for()

    return after(at(page), click)


def filled(go: Go, button: str, **fields: str) -> Go:
    """After that, a form filled in and sent."""

    def send(visitor: Visitor) -> None:
        for name, value in fields.items():
            visitor.page.locator(f"main [name={name}], dialog [name={name}]").last.fill(value)
        with posted(visitor.page):
            visitor.click(button)

    return after(go, send)


def followed(path: str, link: str) -> Go:
    """The page of a thing, by its link in a list."""

    def go(visitor: Visitor) -> None:
        visitor.page.goto(path)
        visitor.page.goto(visitor.page.get_by_role("link", name=link).first.get_attribute("href") or "")

    return go


def below(go: Go, path: str) -> Go:
    """A page beneath that one."""
    return after(go, lambda visitor: visitor.page.goto(visitor.page.url + path))


def after_act(go: Go, **about: str) -> Go:
    """A page with the message after an act, as if that had been done; `about`: parameters without "done-"."""

    def further(visitor: Visitor) -> None:
        go(visitor)
        form_token = unpadded(visitor.page.locator("[name=form_token]").first.get_attribute("value") or "")
        named = {"done" if name == "done" else f"done-{name}": value for name, value in about.items()}
        query = urlencode(named | {SEAL: seal_of(named, form_token)})
        visitor.page.goto(f"{visitor.page.url}{'&' if '?' in visitor.page.url else '?'}{query}")

    return further


def under_its_own_name(server: LiveServer) -> LiveServer:
    """With the public URL, so that it refuses other names."""
    server.environment["DAYPASS_PUBLIC_URL"] = server.url
    return behind_proxy(with_providers(server))


def with_providers(server: LiveServer) -> LiveServer:
    """With some that are away, and need not be there for pages."""
    known = (
        ("CORPORATE", "Example SSO", ISSUER),
        ("PARTNER", "Partner ID", "http://localhost:9"),
        ("WORDY", sample.LONG_LABEL, "http://localhost:9/wordy"),
    )
    for name, label, issuer in known:
        settings = {"ISSUER": issuer, "CLIENT_ID": "daypass", "LABEL": label}
        server.environment |= {f"DAYPASS_OIDC_{name}_{setting}": value for setting, value in settings.items()}
    return server


def behind_proxy(server: LiveServer) -> LiveServer:
    """It believes what this machine's programs say in ``NAMED_BY_PROXY``."""
    known = {"TRUSTED_PROXIES": "127.0.0.1", "REMOTE_USER_HEADER": NAMED_BY_PROXY, "REMOTE_USER_SIGN_OUT": PROXY_EXIT}
    server.environment |= {f"DAYPASS_{setting}": value for setting, value in known.items()}
    return server


def under_another_name(visitor: Visitor) -> None:
    visitor.page.goto(visitor.url.replace("127.0.0.1", "localhost"))


def with_drawer(visitor: Visitor) -> None:
    """The sidebar of a small screen."""
    visitor.page.set_viewport_size({"width": 375, "height": 812})
    visitor.page.goto(AUTH)
    visitor.click("Menu")


def with_menu(path: str, label: str) -> Go:
    return after(at(path), lambda visitor: visitor.page.locator(f"summary[aria-label^='{label}']").first.click())


def with_menu_of(path: str, text: str) -> Go:
    return after(at(path), lambda visitor: visitor.page.locator("summary").filter(has_text=text).click())


def chosen(path: str, number: int) -> Go:
    """A list with its first rows chosen."""

    def choose(visitor: Visitor) -> None:
        for box in visitor.page.locator("tbody .pick").all()[:number]:
            box.check()

    return after(at(path), choose)


def leading_to(page: str, text: str) -> Go:
    """To another page, whose address holds this, by what bears the text."""

    def go(visitor: Visitor) -> None:
        visitor.page.locator("main").locator("a, button").filter(has_text=text).locator("visible=true").last.click()
        visitor.page.wait_for_url(f"**/{page}?*")

    return go


def with_more(go: Go) -> Go:
    """On the page of a thing, with its menu open."""
    return after(go, lambda visitor: visitor.page.locator("summary[aria-label^='More actions']").click())


def with_first_entry(visitor: Visitor) -> None:
    visitor.page.goto("/admin/audit")
    visitor.page.locator(".entry summary").first.click()


def with_tables(visitor: Visitor) -> None:
    """The overview with the tables beneath its plots."""
    visitor.page.goto("/admin")
    for summary in visitor.page.locator("details.more > summary").all():
        summary.click()


def revealed(go: Go) -> Go:
    """After that, a new secret is shown."""
    return after(go, lambda visitor: visitor.page.locator("#secret").wait_for())


def tested(go: Go) -> Go:
    def test(visitor: Visitor) -> None:
        visitor.click("Test")
        visitor.page.locator("output").get_by_text("Accepted").wait_for()

    return after(go, test)


def submitted(visitor: Visitor) -> None:
    """Without the script, a form as it is sent."""
    visitor.page.goto(f"{AUTH}/refresh-tokens")
    visitor.page.get_by_label("Name", exact=True).fill("weekly-report")
    with visitor.page.expect_navigation():
        visitor.page.locator("main form.form").evaluate("(form) => form.submit()")


def sent_twice(visitor: Visitor) -> None:
    """Without the script, a reload sends the form again."""
    submitted(visitor)
    visitor.page.reload()


def identified(of: str) -> Go:
    """What is shown about a secret: about a new one, or about something else."""

    def go(visitor: Visitor) -> None:
        secret = of or visitor.create_refresh_token("found in a log")
        filled(at("/admin/identify"), "Identify", secret=secret)(visitor)

    return go


def login_limited(visitor: Visitor) -> None:
    for _ in range(NEW_PLACE_LIMIT + 1):
        filled(at("/login"), "Sign in", username="nemo", password=WRONG)(visitor)


SOON = "/admin/tokens?kind=refresh&status=active&q=sandbox"
BACKUP = "/admin/tokens?kind=refresh&status=active&q=backup"
ETL = "/admin/tokens?kind=refresh&q=nightly-etl&owner=anna"
SETTINGS = "/admin/settings"
SCIM = "/admin/scim"
ACCOUNTS = "/account/service-accounts"
WRONG = f"{PASSWORD}-mistyped"
ANNA, CLARA = sample.PERSON, sample.ADMINISTRATOR

CREATE = opened(AUTH, "Create Refresh Token")
MADE = revealed(filled(CREATE, "Create Refresh Token", name="weekly-report"))
MINTED = revealed(filled(opened(AUTH, "API Token under lineage-export"), "Create API Token"))
CONFIRM = filled(
    opened(with_menu(ETL, "Actions for nightly-etl"), "Revoke nightly-etl"), "Revoke nightly-etl", reason="in a log"
)
USER = followed("/admin/users?q=anna", "anna")
LINKED_USER = followed("/admin/users?q=frieda", "frieda")
WAREHOUSE = followed(ACCOUNTS, "svc-warehouse")
API_TOKENS = below(WAREHOUSE, "/api-tokens")
GENERATE = opened(PREFERENCES, "Generate New Token")
GENERATED = revealed(filled(GENERATE, "Generate", description="weekly report"))

FACTOR = "/account/second-factor"
SET_UP = after(at(FACTOR), lambda visitor: visitor.click("Set up"))
WITH_PASSWORD = filled(at("/login"), "Sign in", username=sample.GUARDED, password=PASSWORD)


VIEWS = [
    View("login", "", at("/login")),
    View("login-refused", "", filled(at("/login"), "Sign in", username="nobody", password=WRONG)),
    View("login-limited", "", login_limited),
    View("login-ended", "", at("/login?why=ended")),
    View("login-provider-away", "", at("/login/oidc/partner?next=/account/security")),
    View("login-provider-refused", "", at("/login/oidc/partner/callback?state=unknown&code=x")),
    View("login-provider-refused-long-name", "", at("/login/oidc/wordy/callback?state=unknown&code=x")),
    View("confirm-at-provider", sample.BY_PROVIDER, filled(CREATE, "Create Refresh Token", name="weekly-report"), True),
    View("confirm-at-provider-page", sample.BY_PROVIDER, submitted),
    View("login-proxy-refused", sample.STRANGER_AT_PROXY, at("/login")),
    View("login-proxy-signed-out", sample.STRANGER_AT_PROXY, at("/login?why=signed-out")),
    View("confirm-at-proxy", sample.BY_PROXY, filled(CREATE, "Create Refresh Token", name="weekly-report"), True),
    View("login-temporary-expired", "", filled(at("/login"), "Sign in", username=sample.LATE, password=PASSWORD)),
    View("misdirected", "", under_another_name),
    View("account-tokens", ANNA, at(AUTH)),
    View("account-tokens-empty", sample.DENIED, at(AUTH)),
    View("account-tokens-long-names", sample.WORDY, at(AUTH)),
    View("account-menu", ANNA, with_menu(AUTH, "Menu of")),
    View("account-drawer", ANNA, with_drawer),
    View("account-password-is-temporary", sample.NEWCOMER, at(AUTH)),
    View("account-tokens-search", ANNA, at(f"{AUTH}?q=e&status=active&sort=name")),
    View("account-tokens-none", ANNA, at(f"{AUTH}?q=zzz")),
    View("account-tokens-learn", ANNA, with_menu_of(AUTH, "Learn more")),
    View("account-tokens-menu", ANNA, with_menu(AUTH, "Actions for nightly-etl")),
    View("account-tokens-revoked", ANNA, after(
        filled(after(MADE, from_menu(f"{AUTH}?status=active", "weekly-report", "Revoke")), "Revoke weekly-report"),
        lambda visitor: visitor.page.get_by_role("status").wait_for(),
    )),
    View("refresh-token", ANNA, followed(AUTH, "nightly-etl")),
    View("refresh-token-expiring", ANNA, followed(f"{AUTH}?status=expiring", "catalog-sync")),
    View("refresh-token-revoked", ANNA, followed(AUTH, "old-laptop")),
    View("refresh-token-expired", ANNA, followed(AUTH, "first-try")),
    View("refresh-token-long-name", sample.WORDY, followed(AUTH, "a-name")),
    View("refresh-token-create", ANNA, CREATE, is_dialog=True),
    View("refresh-token-create-wrong", ANNA, filled(CREATE, "Create Refresh Token", name="nightly\u200betl")),
    View("refresh-token-create-limited", sample.WORDY, filled(CREATE, "Create Refresh Token", name="weekly-report")),
    View("refresh-token-reveal", ANNA, MADE),
    View("refresh-token-reveal-tested", ANNA, tested(MADE)),
    View("refresh-token-reveal-oauth", ANNA, after(
        MADE, lambda visitor: visitor.page.get_by_text("OAuth", exact=True).click()
    )),
    View("refresh-token-reveal-asks", ANNA, after(MADE, lambda visitor: visitor.click("Done")), is_dialog=True),
    View("refresh-token-create-date", ANNA, after(
        CREATE, lambda visitor: visitor.page.get_by_text("A date").click()
    ), is_dialog=True),
    View("refresh-token-already-shown", ANNA, sent_twice),
    View("refresh-token-rotated", ANNA, followed(AUTH, "tableau-refresh")),
    View("refresh-token-rotate", ANNA, from_menu(AUTH, "nightly-etl", "Rotate"), is_dialog=True),
    View("refresh-token-rotate-again", ANNA, from_menu(AUTH, "tableau-refresh", "Rotate"), is_dialog=True),
    View("refresh-token-end-old-secret", ANNA, opened(
        followed(AUTH, "tableau-refresh"), "End the old secret now"
    ), is_dialog=True),
    View("refresh-token-regenerate", ANNA, from_menu(AUTH, "nightly-etl", "Regenerate"), is_dialog=True),
    View(
        "refresh-token-regenerate-limited", ANNA, filled(from_menu(AUTH, "catalog-sync", "Regenerate"), "Regenerate")
    ),
    View("refresh-token-revoke", ANNA, from_menu(AUTH, "nightly-etl", "Revoke"), is_dialog=True),
    View("refresh-token-revoke-long-name", sample.WORDY, from_menu(AUTH, "a-name", "Revoke"), is_dialog=True),
    View("refresh-token-edit", ANNA, from_menu(AUTH, "nightly-etl", "Edit"), is_dialog=True),
    View("refresh-token-move", ANNA, from_menu(AUTH, "nightly-etl", "Move to a service account"), is_dialog=True),
    View("access-token-create", ANNA, opened(AUTH, "API Token under lineage-export"), is_dialog=True),
    View("access-token-reveal", ANNA, MINTED),
    View("service-accounts", ANNA, at(ACCOUNTS)),
    View("service-account", ANNA, WAREHOUSE),
    View("service-account-stronger", ANNA, followed(ACCOUNTS, "svc-administration")),
    View("service-account-empty", ANNA, followed(ACCOUNTS, "svc-lineage")),
    View("service-account-token", ANNA, after(WAREHOUSE, lambda visitor: visitor.page.locator(
        "a[data-row]"
    ).first.click())),
    View("service-account-create", ANNA, opened(WAREHOUSE, "Create Refresh Token"), is_dialog=True),
    View("service-account-reveal", ANNA, revealed(filled(
        opened(WAREHOUSE, "Create Refresh Token"), "Create Refresh Token", name="weekly-report"
    ))),
    View("service-account-api-tokens", ANNA, API_TOKENS),
    View("service-account-api-tokens-denied", ANNA, below(followed(ACCOUNTS, "svc-lineage"), "/api-tokens")),
    View("service-account-api-token", ANNA, after(API_TOKENS, lambda visitor: visitor.page.locator(
        "a[data-row]"
    ).first.click())),
    View("service-account-api-token-generate", ANNA, opened(API_TOKENS, "Generate New Token"), is_dialog=True),
    View("account-password", ANNA, at("/account/password")),
    View("account-password-wrong", ANNA, filled(
        at("/account/password"), "Change password", current=WRONG, password=f"{WRONG}-1", repeated=f"{WRONG}-2"
    )),
    View("account-password-common", ANNA, filled(
        at("/account/password"), "Change password", current=PASSWORD, password="Password1234!", repeated="Password1234!"
    )),
    View("account-password-changed", ANNA, after_act(at("/account/password"), done="changed")),
    View("account-profile", ANNA, after_act(at("/account/profile"), done="changed")),
    View("account-security", ANNA, at("/account/security")),
    View("account-security-others", ANNA, after_act(at("/account/security"), done="ended")),
    View("account-security-only-one", sample.DENIED, after_act(at("/account/security"), done="others")),
    View("account-security-by-provider", sample.BY_PROVIDER, with_menu("/account/security", "Menu of")),
    View("account-password-none", sample.BY_PROVIDER, at("/account/password")),
    View("account-profile-linked", sample.BY_PROVIDER, at("/account/profile")),
    View("not-found", ANNA, at("/account/auth/refresh-tokens/aaaaaaaaaaaa/revoke")),
    View("not-permitted", ANNA, at("/admin")),
    View("preferences-tokens", ANNA, at(PREFERENCES)),
    View("preferences-tokens-empty", sample.ADMINISTRATOR, at(PREFERENCES)),
    View("preferences-tokens-not-permitted", sample.DENIED, at(PREFERENCES)),
    View("preferences-tokens-long-names", sample.WORDY, at(PREFERENCES)),
    View("preferences-token", ANNA, after(at(PREFERENCES), lambda visitor: visitor.page.locator(
        "a[data-row]"
    ).first.click())),
    View("preferences-row-menu", ANNA, with_menu(PREFERENCES, "Actions for dashboard")),
    View("api-token-generate", ANNA, GENERATE, is_dialog=True),
    View("api-token-reveal", ANNA, GENERATED),
    View("api-token-edit", ANNA, opened(with_menu(PREFERENCES, "Actions for dashboard"), "Edit"), True),
    View("api-token-delete", ANNA, opened(with_menu(PREFERENCES, "Actions for dashboard"), "Delete Token…"), True),
    View("admin-overview", CLARA, at("/admin")),
    View("admin-overview-tables", CLARA, with_tables),
    View("admin-users", CLARA, at("/admin/users")),
    View("admin-users-none", CLARA, at("/admin/users?q=zzz")),
    View("admin-users-linked", CLARA, at("/admin/users?q=frieda")),
    View("admin-users-filtered", CLARA, at("/admin/users?state=disabled&role=VIEWER&sort=username")),
    View("admin-users-filters", CLARA, after(at("/admin/users"), lambda visitor: visitor.page.get_by_text(
        "More filters").click()
    )),
    View("admin-users-deleted", CLARA, at("/admin/users?state=deleted")),
    View("admin-users-row-menu", CLARA, with_menu("/admin/users?q=anna", "Actions for anna")),
    View("admin-users-after-act", CLARA, after_act(at("/admin/users?q=o"), done="disabled", user="olga")),
    View("admin-user-create", CLARA, opened("/admin/users", "Create User"), is_dialog=True),
    View("admin-user-create-wrong", CLARA, filled(at("/admin/users/new"), "Create User", username="Zoë!")),
    View("admin-user-create-asks", sample.AWAY, at("/admin/users/new")),
    View("admin-users-service", CLARA, at("/admin/users?state=service")),
    View("admin-service-account-create", CLARA, opened("/admin/users", "Create service account"), is_dialog=True),
    View("admin-service-account-create-wrong", CLARA, filled(
        at("/admin/users/new-service-account"), "Create service account", username="svc-etl", responsible="nobody"
    )),
    View("admin-service-account", CLARA, followed("/admin/users?q=svc-ware", "svc-ware")),
    View("admin-service-account-menu", CLARA, with_more(followed("/admin/users?q=svc-ware", "svc-ware"))),
    View("admin-service-account-unanswered", CLARA, followed("/admin/users?q=svc-rep", "svc-rep")),
    View("admin-user-responsible", CLARA, opened(
        followed("/admin/users?q=svc-rep", "svc-rep"), "Choose somebody"
    ), True),
    View("admin-user-hand-over", CLARA, below(USER, "/hand-over")),
    View("admin-user-self", CLARA, followed("/admin/users?q=clara", "clara")),
    View("admin-user", CLARA, USER),
    View("admin-user-menu", CLARA, with_more(USER)),
    View("admin-user-after-act", CLARA, after_act(
        followed("/admin/users?q=olga", "olga"), done="revoked", user="olga", refresh="131", access="7"
    )),
    View("admin-user-long-names", CLARA, followed("/admin/users?q=walter", "walter")),
    View("admin-user-disabled", CLARA, followed("/admin/users?q=olga", "olga")),
    View("admin-user-away", CLARA, followed("/admin/users?q=carl", "carl")),
    View("admin-user-locked", CLARA, followed("/admin/users?q=yusuf", "yusuf")),
    View("admin-user-disable", CLARA, opened(with_more(USER), "Disable anna"), True),
    View("admin-user-enable", CLARA, opened(followed("/admin/users?q=olga", "olga"), "Enable olga"), True),
    View("admin-user-edit", CLARA, opened(with_more(USER), "Edit anna"), True),
    View("admin-user-edit-wrong", CLARA, filled(below(USER, "/edit"), "Save", email="Anna <anna@example.com>")),
    View("admin-user-rename", CLARA, opened(with_more(USER), "Change user name"), True),
    View("admin-user-linked", CLARA, LINKED_USER),
    View("admin-user-link", CLARA, opened(LINKED_USER, "Link frieda"), True),
    View("admin-user-link-wrong", CLARA, filled(below(LINKED_USER, "/link"), "Link", email="frieda")),
    View("admin-user-unlink", CLARA, opened(LINKED_USER, "Unlink 00u1f96ECLNVOKVMUSEA"), True),
    View("admin-user-delete", CLARA, opened(with_more(USER), "Delete anna"), True),
    View("admin-user-deleted", CLARA, followed("/admin/users?state=deleted", "Deleted user")),
    View("admin-user-renamed", CLARA, after_act(
        followed("/admin/users?q=frieda", "frieda"), done="renamed", user="frieda"
    )),
    View("admin-user-role", CLARA, opened(with_more(USER), "Change role of anna"), True),
    View("admin-user-api-tokens", CLARA, opened(with_more(USER), "Allow or deny API tokens"), True),
    View("admin-user-revoke", CLARA, opened(USER, "Revoke API Tokens"), True),
    View("admin-user-password", CLARA, opened(with_more(USER), "Set Password of anna"), True),
    View("admin-user-password-wrong", CLARA, filled(
        opened(with_more(USER), "Set Password of anna"), "Set Password", password="anna"
    )),
    View("admin-user-password-asks", sample.AWAY, below(USER, "/password")),
    View("admin-user-temporary-password", CLARA, followed("/admin/users?q=noor", "noor")),
    View("admin-user-temporary-password-expired", CLARA, followed("/admin/users?q=leif", "leif")),
    View("admin-user-end-sessions", CLARA, opened(with_more(USER), "Sign out anna"), True),
    View("admin-user-end-sessions-none", CLARA, below(followed("/admin/users?q=yusuf", "yusuf"), "/end-sessions")),
    View("admin-tokens", CLARA, at("/admin/tokens")),
    View("admin-tokens-filtered", CLARA, at(SOON)),
    View("admin-tokens-chosen", CLARA, chosen("/admin/tokens?kind=refresh&status=active", 3)),
    View("admin-tokens-more-filters", CLARA, with_menu_of("/admin/tokens", "More filters")),
    View("admin-tokens-row-menu", CLARA, with_menu(ETL, "Actions for nightly-etl")),
    View("admin-tokens-none", CLARA, at("/admin/tokens?q=no-such-name&status=active")),
    View("admin-tokens-wrong-filter", CLARA, at("/admin/tokens?unused_for_days=some")),
    View("admin-tokens-revoked", CLARA, after(
        filled(opened(with_menu(BACKUP, "Actions for backup"), "Revoke backup"), "Revoke backup", reason="in a log"),
        lambda visitor: visitor.page.locator(".notice[role=status]").wait_for(),
    )),
    View("admin-token", CLARA, followed(ETL, "nightly-etl")),
    View("admin-token-long-name", CLARA, followed("/admin/tokens?q=a-name-without", "a-name-without")),
    View("admin-token-made-with", CLARA, followed("/admin/tokens?owner=anna&q=upstairs", "dashboard upstairs")),
    View("admin-token-made-many", CLARA, followed("/admin/tokens?owner=clara&q=status", "status board")),
    View("admin-token-revoke-many", CLARA, opened(
        with_menu("/admin/tokens?owner=clara&q=status", "Actions for status board"), "Revoke status board"
    ), True),
    View("admin-token-rotated", CLARA, followed("/admin/tokens?owner=anna&kind=refresh&q=tableau", "tableau-refresh")),
    View("admin-token-secret-found", CLARA, followed("/admin/tokens?q=the+quarterly&kind=refresh", "the quarterly")),
    View("admin-token-revoked", CLARA, followed("/admin/tokens?owner=anna&kind=refresh&q=old-laptop", "old-laptop")),
    View("admin-token-revoke", CLARA, opened(with_menu(ETL, "Actions for nightly-etl"), "Revoke nightly-etl"), True),
    View("admin-token-edit", CLARA, opened(with_menu(ETL, "Actions for nightly-etl"), "Edit"), True),
    View("admin-token-move", CLARA, opened(with_menu(ETL, "Actions for nightly-etl"), "Move to another owner"), True),
    View("admin-token-move-gains", CLARA, filled(
        below(followed(ETL, "nightly-etl"), "/move"), "Move", to=sample.STRONGER, reason="left the team"
    )),
    View("admin-token-move-wrong", CLARA, filled(
        below(followed(ETL, "nightly-etl"), "/move"), "Move", to="nobody"
    )),
    View("admin-move-chosen", CLARA, after(
        chosen("/admin/tokens?kind=refresh&status=active", 3), leading_to("move-chosen", "Move")
    )),
    View("admin-move-chosen-confirm", CLARA, filled(after(
        chosen("/admin/tokens?kind=refresh&status=active", 3), leading_to("move-chosen", "Move")
    ), "Move 3 tokens", to="svc-warehouse")),
    View("admin-revoke-chosen", CLARA, after(
        chosen("/admin/tokens?kind=refresh&status=active", 3), leading_to("revoke-chosen", "Revoke")
    )),
    View("admin-revoke-by-filter", CLARA, after(
        with_menu(SOON, "More actions"), leading_to("revoke-by-filter", "that match…")
    )),
    View("admin-bulk-revocation", CLARA, at("/admin/tokens/revocations/1")),
    View("admin-bulk-revocation-done", CLARA, at("/admin/tokens/revocations/2")),
    View("admin-identify", CLARA, at("/admin/identify")),
    View("admin-identify-works", CLARA, identified("")),
    View("admin-identify-unknown", CLARA, identified("hello")),
    View("admin-scim", CLARA, at(SCIM)),
    View("admin-scim-mapped", CLARA, after_act(
        at(SCIM), done="mapped", name="Data stewards", role="STEWARD", roles="2"
    )),
    View("admin-scim-row-menu", CLARA, with_menu(SCIM, "Actions for Data stewards")),
    View("admin-scim-token-new", CLARA, opened(SCIM, "Create SCIM token"), is_dialog=True),
    View("admin-scim-token-new-wrong", CLARA, filled(at(f"{SCIM}/tokens/new"), "Create SCIM token", name="\u200b")),
    View("admin-scim-token-reveal", CLARA, filled(at(f"{SCIM}/tokens/new"), "Create SCIM token", name="Okta")),
    View("admin-scim-token-revoke", CLARA, opened(with_menu(SCIM, "Actions for Entra ID"), "Revoke Entra ID"), True),
    View("admin-scim-group-new", CLARA, opened(SCIM, "Map a group"), is_dialog=True),
    View("admin-scim-group-remove", CLARA, opened(
        with_menu(SCIM, "Actions for Data stewards"), "Remove Data stewards"
    ), True),
    View("admin-user-managed", CLARA, followed("/admin/users?q=selma", "selma")),
    View("admin-user-scim", CLARA, opened(with_more(USER), "Let SCIM manage"), True),
    View("admin-settings", CLARA, at(SETTINGS)),
    View("admin-settings-changed", CLARA, at(f"{SETTINGS}?done=retention_days")),
    View("admin-setting", CLARA, at(f"{SETTINGS}/refresh_token_lifespan")),
    View("admin-setting-wrong", CLARA, at(f"{SETTINGS}/refresh_token_lifespan?value=0")),
    View("admin-setting-preview", CLARA, at(f"{SETTINGS}/retention_days?value=10")),
    View("admin-setting-preview-audit", CLARA, at(f"{SETTINGS}/audit_days?value=365")),
    View("admin-setting-preview-mints", CLARA, at(f"{SETTINGS}/mints_per_hour?value=600")),
    View("admin-setting-preview-rights", CLARA, at(f"{SETTINGS}/api_can_manage_users?value=on")),
    View("admin-audit", CLARA, at("/admin/audit")),
    View("admin-audit-entry", CLARA, with_first_entry),
    View("admin-audit-filtered", CLARA, at("/admin/audit?q=anna&since=2020-01-01&without=mints")),
    View("admin-audit-filters", CLARA, after(at("/admin/audit"), lambda visitor: visitor.page.get_by_text(
        "More filters").click()
    )),
    View("admin-audit-refused", CLARA, at("/admin/audit?result=refused")),
    View("admin-audit-none", CLARA, at("/admin/audit?q=nobody")),
    View("admin-audit-wrong", CLARA, at("/admin/audit?since=yesterday")),
    View("admin-jobs", CLARA, at("/admin/jobs")),
    View("documents", ANNA, at("/docs/native/")),
    View("documents-alation", CLARA, at("/docs/")),
    View("documents-visitor", "", at("/docs/oauth/")),
    View("error-address", ANNA, at(f"/{'nonsense' * 20}")),
    View("error-token", ANNA, at(f"{AUTH}/refresh-tokens/ook2uq2tmoa1/revoke")),
    View("error-visitor", "", at("/nonsense")),
    View("sign-in-code", "", WITH_PASSWORD),
    View("sign-in-code-wrong", "", filled(WITH_PASSWORD, "Sign in", code="123 456")),
    View("sign-in-code-late", "", at("/login?why=late")),
    View("second-factor", ANNA, at(FACTOR)),
    View("second-factor-new", ANNA, SET_UP),
    View("second-factor-new-wrong", ANNA, filled(SET_UP, "Turn on", code="123 456")),
    View("second-factor-of-provider", sample.BY_PROVIDER, at(FACTOR)),
    View("second-factor-on", sample.GUARDED, at(FACTOR)),
    View("second-factor-remove", sample.GUARDED, opened(FACTOR, "Remove"), True),
    View("second-factor-codes-replace", sample.GUARDED, opened(FACTOR, "Replace recovery codes"), True),
    View("second-factor-codes", sample.GUARDED, filled(
        at(f"{FACTOR}/recovery-codes"), "Replace recovery codes"
    )),
    View("second-factor-security", sample.GUARDED, at("/account/security")),
    View("second-factor-reset", sample.RESET, at(FACTOR)),
    View("second-factor-reset-told", sample.RESET, at("/account/auth")),
    View("second-factor-confirm", sample.GUARDED_AWAY, filled(at(f"{FACTOR}/remove"), "Remove second factor")),
    View("second-factor-password", sample.GUARDED_AWAY, at("/account/password")),
    View("admin-user-guarded", CLARA, followed("/admin/users?q=greta", "greta")),
    View("admin-user-reset-second-factor", CLARA, below(
        followed("/admin/users?q=greta", "greta"), "/reset-second-factor"
    )),
    View("confirm-password", sample.AWAY, CONFIRM),
    View("confirm-password-wrong", sample.AWAY, filled(CONFIRM, "Continue", current_password=WRONG)),
]  # fmt: skip


class Guests:
    """The people who look: each with a browser of their own, signed in when they are first needed.

    `options`: of the browsers' contexts.
    """

    def __init__(self, browser: Browser, url: str, past: Past, **options: Any) -> None:
        self._browser = browser
        self._url = url
        self._past = past
        self._options = options
        self._known: dict[str, Visitor] = {}
        self.blocked: list[str] = []
        """What the browser said that the Content Security Policy kept it from."""

    def show(self, view: View) -> Page:
        """Go there."""
        visitor = self._visitor(view.who)
        view.go(visitor)
        return settled(visitor.page)

    def close(self) -> None:
        for visitor in self._known.values():
            visitor.context.close()

    def _listen(self, said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            self.blocked.append(said.text)

    def _visitor(self, who: str) -> Visitor:
        if who not in self._known:
            # Nothing moves: colours that are still changing can neither be measured nor compared.
            options = {"reduced_motion": "reduce"} | self._options
            if who in (sample.BY_PROXY, sample.STRANGER_AT_PROXY):
                options["extra_http_headers"] = {NAMED_BY_PROXY: who}
            self._known[who] = visitor = Visitor(self._browser, self._url, **options)
            visitor.page.on("console", self._listen)
            if who == sample.BY_PROVIDER:
                cookie = self._past.services.joining.sign_in(sample.SAID_LONG_AGO, sample.VISIT, None)
                visitor.context.add_cookies([{"name": "daypass", "value": cookie, "url": self._url}])
            elif "extra_http_headers" in options:
                visitor.page.goto("/login")
            elif who:
                visitor.sign_in(who, PASSWORD)
            if visitor.page.url.endswith("/login/code"):
                visitor.enter_code(self._past.recovery_codes[who].pop())
            if who in (sample.AWAY, sample.GUARDED_AWAY, sample.BY_PROXY):
                self._past.forget_passwords(who)
        return self._known[who]
