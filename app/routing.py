"""What the application answers: blueprints, handlers of errors and layers around them.

The server's workers have it. Commands do without, and do not import it: a fifth of their start.
"""

from dataclasses import replace

from flask import Flask

from app.api import integration_v1, native, oauth, scim, v4
from app.gate.gate import PATHS as GATE_PATHS
from app.http.compression import install_compression
from app.http.context import EXTENSION, parts
from app.http.documents import documents_blueprint
from app.http.edge import Edge
from app.http.errors import install_error_dispatch
from app.http.guards import refuse_unguarded_routes
from app.http.health import health_blueprint
from app.http.large_answers import install_large_answers
from app.http.oauth_metadata import metadata
from app.http.openapi import Documents
from app.http.public_url import BelowPath, shadowed_route
from app.http.security_txt import security_txt_blueprint
from app.http.tracing import install_tracing
from app.web import BLUEPRINTS as PAGES
from app.web import DIALECTS as PAGE_DIALECTS
from app.web import PAGES_ANYWHERE, install_rendering
from config import Settings, SettingsError

DIALECTS = (integration_v1, v4, native, oauth)


def install_routes(app: Flask, settings: Settings) -> None:
    """Let the application answer.

    Raises ``config.SettingsError`` where the path of the public URL can't be told from one of its own.
    """
    public_url = parts(app).public_url
    documents = Documents([dialect.DOCUMENT for dialect in DIALECTS], str(public_url or ""))
    app.extensions[EXTENSION] = replace(parts(app), documents=documents)
    install_tracing(app)
    install_large_answers(app)
    install_compression(app)
    install_rendering(app)
    dialects = [blueprint for dialect in DIALECTS for blueprint in dialect.DOCUMENT.blueprints]
    health = health_blueprint(parts(app).services.health)
    operations = (health, security_txt_blueprint(*settings.security_txt), metadata)
    for blueprint in (*dialects, *scim.BLUEPRINTS, documents_blueprint(documents), *operations, *PAGES):
        app.register_blueprint(blueprint)
    install_error_dispatch(app, [*(dialect.DIALECT for dialect in (*DIALECTS, scim)), *PAGE_DIALECTS], PAGES_ANYWHERE)
    refuse_unguarded_routes(app)
    app.wsgi_app = Edge(v4.CanonicalPaths(app.wsgi_app), parts(app).hosts)  # type: ignore[method-assign]
    if public_url and public_url.path:
        _put_below(app, public_url.path)


def _put_below(app: Flask, path: str) -> None:
    """The gate answers below the path itself, so that a check passes no other layer."""
    shadowed = shadowed_route(path, (*GATE_PATHS, *(rule.rule for rule in app.url_map.iter_rules())))
    if shadowed is not None:
        raise SettingsError(f"DAYPASS_PUBLIC_URL: the path {path} is one of Daypass's own ({shadowed}); choose another")
    app.wsgi_app = BelowPath(app.wsgi_app, path)  # type: ignore[method-assign]
