"""Django's settings for the three peers that are built on it; they share one site and one database."""

import os
from urllib.parse import unquote, urlsplit

from bench.apps import sqlite_library  # noqa: F401  # before Django opens a database

_URL = urlsplit(os.environ["BENCH_DATABASE_URL"])

SECRET_KEY = "bench"  # signs nothing here
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.apps.django_site"
MIDDLEWARE: list[str] = []
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework.authtoken",
    "knox",
    "oauth2_provider",
]
USE_TZ = True
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None

_SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": unquote(_URL.path).removeprefix("/"),
    "OPTIONS": {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        "transaction_mode": "IMMEDIATE",
    },
}
_POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": _URL.path.removeprefix("/"),
    "HOST": _URL.hostname,
    "PORT": _URL.port,
    "USER": _URL.username,
}
DATABASES = {"default": (_SQLITE if _URL.scheme == "sqlite" else _POSTGRESQL) | {"CONN_MAX_AGE": None}}

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
OAUTH2_PROVIDER = {"SCOPES": {"read": "Read", "introspection": "Introspect tokens"}}
