"""``create_app()``: the only place where the parts meet.

Here belongs wiring: settings become constructor arguments, blueprints and handlers are registered. Not here:
anything that decides or answers.
"""

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from app import cli, logs
from app.api import integration_v1, native, oauth, v4
from app.domain.clock import Clock, system_clock
from app.http.body import LARGEST_BODY, BodyReader
from app.http.context import EXTENSION, Parts
from app.http.documents import documents_blueprint
from app.http.edge import Edge
from app.http.errors import install_error_dispatch
from app.http.guards import refuse_unguarded_routes
from app.http.health import health_blueprint
from app.http.openapi import Documents
from app.http.tracing import install_tracing
from app.jobs import JOBS
from app.services import Services, build_services
from app.storage.database import Base, Database, engine_options
from app.web import BLUEPRINTS as PAGES
from app.web import DIALECTS as PAGE_DIALECTS
from app.web import install_rendering
from config import Keys, Settings, load_settings, read_keys

DIALECTS = (integration_v1, v4, native, oauth)

db = SQLAlchemy(metadata=Base.metadata)
"""Flask's handle: it makes the engine and serves the migrations. Services use :class:`Database` instead."""


def create_app(settings: Settings | None = None, keys: Keys | None = None, clock: Clock = system_clock) -> Flask:
    """The application. Opens no connection; refuses (``config.SettingsError``) settings and keys that won't do."""
    settings = settings or load_settings()
    keys = keys or read_keys(settings)
    logs.configure(settings.log_level)
    app = Flask("app", static_folder=None)
    # Answers that depend on what happened to be installed or sent are no contract: no redirects to another
    # path (the guarded blueprints make routes of both slash forms), no OPTIONS of Flask's own, members in the
    # order they are written.
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    database = _connect(app, settings)
    services = _services(database, clock, settings, keys)
    bodies = BodyReader(settings.threads // 2 - 1)  # passwords may take as many: two threads are left for checks
    documents = Documents([dialect.DOCUMENT for dialect in DIALECTS])
    schedule = {job.name: job.every for job in JOBS}
    app.extensions[EXTENSION] = Parts(services, bodies, settings.proxies, schedule, clock, documents)
    app.extensions["daypass_database"] = database
    install_tracing(app)
    install_rendering(app)
    dialects = [blueprint for dialect in DIALECTS for blueprint in dialect.DOCUMENT.blueprints]
    for blueprint in (*dialects, documents_blueprint(documents), health_blueprint(database, clock), *PAGES):
        app.register_blueprint(blueprint)
    install_error_dispatch(app, [*(dialect.DIALECT for dialect in DIALECTS), *PAGE_DIALECTS])
    refuse_unguarded_routes(app)
    for command in cli.COMMANDS:
        app.cli.add_command(command)
    app.wsgi_app = Edge(v4.CanonicalPaths(app.wsgi_app))  # type: ignore[method-assign]
    return app


def _connect(app: Flask, settings: Settings) -> Database:
    url = settings.sqlalchemy_url
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, settings.threads)
    db.init_app(app)
    with app.app_context():
        return Database(db.engine)


def _services(database: Database, clock: Clock, settings: Settings, keys: Keys) -> Services:
    return build_services(
        database,
        clock,
        token_keys=keys.token_keys,
        pepper=keys.pepper,
        prefixes=settings.prefixes,
        bcrypt_cost=settings.bcrypt_cost,
        workers=settings.workers,
        threads=settings.threads,
    )
