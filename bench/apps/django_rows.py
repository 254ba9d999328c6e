"""Fills the Django site's database and writes the tokens to present: ``python -m bench.apps.django_rows``.

The rows are those that each library writes, in bulk.
"""

import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.apps.django_settings")

import django

django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS
from oauth2_provider.models import AccessToken, Application
from rest_framework.authtoken.models import Token

BATCH = 2_000
INTROSPECTOR = "introspector"


def fill(users: int, tokens: int, sample: int, folder: Path) -> None:
    """Make `users` users and `tokens` tokens of each library; a `sample` of each goes into a file of `folder`."""
    call_command("migrate", verbosity=0)
    if connection.vendor == "sqlite":
        connection.cursor().execute("PRAGMA cache_size=-1000000")
    with transaction.atomic():
        _insert(User, (User(username=f"user-{number}", password="!") for number in range(users)))
        owners = list(User.objects.order_by("pk").values_list("pk", flat=True))
        step = max(1, tokens // sample)
        _write(folder / "drf.txt", _drf(owners, tokens), step)
        _write(folder / "knox.txt", _knox(owners, tokens), step)
        _write(folder / "oauth.txt", _oauth(owners, tokens), step)
    if connection.vendor == "postgresql":
        connection.cursor().execute("VACUUM ANALYZE")


def _drf(owners: list[int], tokens: int) -> list[str]:
    texts = [token_hex(20) for _ in range(min(tokens, len(owners)))]  # the library allows each user one
    _insert(Token, (Token(key=text, user_id=owner) for text, owner in zip(texts, owners, strict=False)))
    return texts


def _knox(owners: list[int], tokens: int) -> list[str]:
    made = [get_digest_token() for _ in range(tokens)]
    expiry = timezone.now() + timedelta(days=1)
    rows = (
        AuthToken(digest=digest, token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH], user_id=owner, expiry=expiry)
        for (digest, text), owner in zip(made, _cycled(owners, tokens), strict=True)
    )
    _insert(AuthToken, rows)
    return [text for _, text in made]


def _oauth(owners: list[int], tokens: int) -> list[str]:
    client = Application.objects.create(
        name="bench", client_type="confidential", authorization_grant_type="client-credentials"
    )
    texts = [token_hex(15) for _ in range(tokens)]
    expires = timezone.now() + timedelta(days=1)

    def row(text: str, owner: int, scope: str = "read") -> AccessToken:
        made = AccessToken(token=text, user_id=owner, application=client, expires=expires, scope=scope)
        made.token_checksum = AccessToken._meta.get_field("token_checksum").pre_save(made, add=True)
        return made

    _insert(AccessToken, (row(text, owner) for text, owner in zip(texts, _cycled(owners, tokens), strict=True)))
    row(INTROSPECTOR, owners[0], "introspection").save()
    return texts


def _cycled(owners: list[int], tokens: int) -> Iterable[int]:
    return (owners[number % len(owners)] for number in range(tokens))


def _insert(model: Any, rows: Iterable[Any]) -> None:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        model.objects.bulk_create(batch)


def _write(path: Path, texts: list[str], step: int) -> None:
    path.write_text("".join(f"{text}\n" for text in texts[::step]))


if __name__ == "__main__":
    made_users, made_tokens, wanted = map(int, sys.argv[1:4])
    fill(made_users, made_tokens, wanted, Path(sys.argv[4]))
