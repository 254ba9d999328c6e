"""Flask-JWT-Extended with a database blocklist, as in its documentation, and its rows.

Its tokens are not in the database: each check looks up whether the token was revoked, not whether the user is active.
``python -m bench.apps.flask_jwt`` fills the database.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, create_access_token, decode_token, get_jwt_identity, jwt_required
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, insert, text
from sqlalchemy.engine import Engine

from bench.apps import sqlite_library  # noqa: F401  # before SQLAlchemy opens a database

URL = os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
THREADS = int(os.environ["BENCH_THREADS"])
BATCH = 10_000

application = Flask(__name__, static_folder=None)
application.config["JWT_SECRET_KEY"] = "the peer's secret key, of 32 bytes and more"
application.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(days=1)
application.config["SQLALCHEMY_DATABASE_URI"] = URL
application.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": THREADS}
db = SQLAlchemy(application)
jwt = JWTManager(application)


class User(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(80), nullable=False, unique=True)


class TokenBlocklist(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    jti = db.Column(db.String(36), nullable=False, index=True)


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: object) -> None:
    if URL.startswith("sqlite"):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")


@jwt.token_in_blocklist_loader
def _is_revoked(_header: dict[str, Any], payload: dict[str, Any]) -> bool:
    return db.session.query(TokenBlocklist.id).filter_by(jti=payload["jti"]).scalar() is not None


@application.get("/")
@jwt_required()
def whose() -> Any:
    """Whose token it is."""
    return jsonify(id=get_jwt_identity())


def fill(users: int, tokens: int, sample: int, folder: Path) -> None:
    """Make `users` users and `tokens` revoked tokens; `sample` good ones and a bad one go into files of `folder`."""
    with application.app_context():
        db.create_all()
        _insert(User, [{"username": f"user-{number}"} for number in range(users)])
        _insert(TokenBlocklist, [{"jti": str(uuid4())} for _ in range(tokens)])
        good = [create_access_token(str(number)) for number in range(sample)]
        revoked = create_access_token("revoked")
        _insert(TokenBlocklist, [{"jti": decode_token(revoked)["jti"]}])
        if db.engine.dialect.name == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
    (folder / "jwt.txt").write_text("".join(f"{each}\n" for each in good))
    (folder / "jwt-revoked.txt").write_text(revoked)


def _insert(table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        db.session.execute(insert(table), rows[start : start + BATCH])
    db.session.commit()


if __name__ == "__main__":
    made_users, made_tokens, wanted = map(int, sys.argv[1:4])
    fill(made_users, made_tokens, wanted, Path(sys.argv[4]))
