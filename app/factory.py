"""``create_app()``: creates the parts from the settings."""

from typing import TYPE_CHECKING

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from app import logs
from app.cli.late_commands import LateCommands
from app.domain.clock import Clock, system_clock
from app.domain.errors import Conflict
from app.domain.identity import Role
from app.domain.providers import Provider
from app.http.body import LARGEST_BODY, BodyReader
from app.http.context import EXTENSION, NO_DOCUMENTS, Parts
from app.http.hosts import Hosts
from app.http.late_rules import LateRule
from app.http.proxies import TrustedProxies
from app.http.public_url import PublicUrl
from app.http.remote_user import RemoteUserHeader
from app.jobs import JOBS
from app.services import Services, build_services
from app.services.passwords import Passwords, hashing_capacity
from app.storage.database import Base, Database, engine_options
from app.storage.file_use import share_database
from config import Keys, ProviderSettings, Settings, SettingsError, load_settings, read_keys

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty

db = SQLAlchemy(metadata=Base.metadata)
"""Creates the engine, and serves the migrations. Services use :class:`Database`."""


def create_app(
    settings: Settings | None = None, keys: Keys | None = None, clock: Clock = system_clock, has_routes: bool = True
) -> Flask:
    """The application, without an open connection. `has_routes`: whether it answers requests.

    Raises ``config.SettingsError`` for invalid settings or keys, and for a SQLite file that must not be opened.
    """
    settings = settings or load_settings()
    keys = keys or read_keys(settings)
    logs.configure(settings.log_level)
    app = Flask("app", static_folder=None)
    # No redirects (guarded blueprints have routes for both slash forms), no automatic OPTIONS, and JSON members in
    # their order.
    app.url_map.merge_slashes = False
    app.url_rule_class = LateRule
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    database = _connect(app, settings)
    bodies = BodyReader(settings.threads // 2 - 1)  # passwords may occupy as many: two threads are left for checks
    services = _services(database, clock, settings, keys, _parties(settings, bodies, clock))
    public_url = PublicUrl.parse(settings.normal_public_url)
    proxies = _proxies(settings, public_url)
    schedule = {job.name: job.every for job in JOBS}
    hosts = Hosts(public_url, settings.other_names)
    app.extensions[EXTENSION] = Parts(
        services, bodies, proxies, schedule, clock, NO_DOCUMENTS, public_url, settings.prefixes[0], hosts,
        RemoteUserHeader(settings.remote_user_header, settings.remote_user_sign_out),
    )  # fmt: skip
    app.extensions["daypass_database"] = database
    app.cli = LateCommands("app")
    if has_routes or (public_url and public_url.path):  # a path may be refused
        from app.routing import install_routes  # commands do without, and are a fifth faster

        install_routes(app, settings)
    return app


def _proxies(settings: Settings, public_url: PublicUrl | None) -> TrustedProxies:
    is_https = public_url is not None and public_url.is_https
    return TrustedProxies(settings.proxies, settings.trusts_unix_peers, settings.forwarded_header, is_https)


def _connect(app: Flask, settings: Settings) -> Database:
    url = settings.sqlalchemy_url
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, settings.threads)
    db.init_app(app)
    with app.app_context():
        try:
            app.extensions["daypass_release_file"] = share_database(db.engine, app)
        except Conflict as error:
            raise SettingsError(error.what) from error
        return Database(db.engine)


def _parties(settings: Settings, bodies: BodyReader, clock: Clock) -> dict[str, "RelyingParty"]:
    """Daypass as a client of each OpenID provider. Who waits for one has a place of those that wait for bodies."""
    if not settings.providers:
        return {}
    from app.providers.fetching import Fetching  # with httpx and cryptography: 13 MB that others need not have
    from app.providers.relying_party import RelyingParty

    at_once = max(1, settings.threads // 4)
    providers = [_provider(each) for each in settings.providers]
    return {each.name: RelyingParty(each, Fetching(at_once, bodies.aside), clock) for each in providers}


def _provider(settings: ProviderSettings) -> Provider:
    return Provider(
        name=settings.name,
        label=settings.label or settings.name,
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        scopes=settings.scope_words,
        username_claim=settings.username_claim,
        scim_match=settings.scim_pair,
        role_claim=settings.role_claim,
        roles=tuple((value, Role(role)) for value, role in settings.roles),
        domains=settings.domains,
    )


def _services(
    database: Database, clock: Clock, settings: Settings, keys: Keys, parties: dict[str, "RelyingParty"]
) -> Services:
    return build_services(
        database,
        clock,
        token_keys=keys.token_keys,
        pepper=keys.pepper,
        prefixes=settings.prefixes,
        passwords=Passwords(keys.pepper, settings.bcrypt_cost, *hashing_capacity(settings.workers, settings.threads)),
        parties=parties,
    )
