"""The keys of a provider: which one a token names, and how often they are read."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from app.domain.providers import ProviderRefused, Why
from app.providers.keys import AGAIN_SECONDS, KEPT_SECONDS, Keys
from tests.unit.providers.answering import Canned

URL = "https://id.example.com/keys"


def published(kind: Any, size: Any, **members: str) -> dict[str, Any]:
    found: dict[str, Any] = kind.generate_key(size).as_dict(private=False)
    return found | members


RSA = published(RSAKey, 2048, kid="first")
SHORT = RSA | {"n": "A" + "w" * 169 + "E"}
"""Of 1,024 bits."""
EC = published(ECKey, "P-256", kid="second")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def find(keys: Keys, canned: Canned, algorithm: str, key_id: str | None) -> str | None:
    try:
        return keys.find(algorithm, key_id, URL, canned).kid  # type: ignore[arg-type]
    except ProviderRefused as refused:
        assert refused.why is Why.KEY
        return None


def test_a_token_names_its_key_and_it_must_fit_its_algorithm() -> None:
    keys, canned = Keys(), Canned(keys={"keys": [RSA, EC]})
    assert [find(keys, canned, *each) for each in (("RS256", "first"), ("ES256", "second"), ("PS512", "first"))] == [
        "first", "second", "first",
    ]  # fmt: skip
    assert [find(keys, canned, *each) for each in (("ES256", "first"), ("RS256", "third"), ("ES384", "second"))] == [
        None, None, None,
    ]  # fmt: skip


def test_without_a_name_only_one_key_may_fit() -> None:
    assert find(Keys(), Canned(keys={"keys": [RSA, EC]}), "RS256", None) == "first"
    assert find(Keys(), Canned(keys={"keys": [RSA, RSA | {"kid": "other"}]}), "RS256", None) is None


@pytest.mark.parametrize(
    "key",
    [RSA | {"use": "enc"}, RSA | {"alg": "RS512"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "first"}, RSA | {"n": "x"},
     SHORT, "first", {"kid": "first"}, RSA | {"kty": "RSA2"}],
    ids=["for encryption", "for another algorithm", "secret", "broken", "short", "text", "bare", "unknown kind"],
)  # fmt: skip
def test_a_key_that_will_not_do_is_none(key: Any) -> None:
    assert find(Keys(), Canned(keys={"keys": [key, EC]}), "RS256", "first") is None


def test_keys_are_read_again_for_an_unknown_one_once_a_minute_and_for_all_once_an_hour() -> None:
    """◆ Strangers can name any key. Fails when an unknown one is looked for each time."""
    clock, canned = Clock(), Canned(keys={"keys": [RSA]})
    keys = Keys(clock)
    for number in range(50):
        find(keys, canned, "RS256", f"made up {number}")
    assert len(canned.asked) == 1
    canned.answers["keys"] = {"keys": [EC]}  # the provider changes its key
    assert find(keys, canned, "ES256", "second") is None
    clock.now = AGAIN_SECONDS + 1
    assert find(keys, canned, "ES256", "second") == "second" and len(canned.asked) == 2
    clock.now += KEPT_SECONDS + 1
    assert find(keys, canned, "ES256", "second") == "second" and len(canned.asked) == 3


def test_what_is_no_set_of_keys_is_refused() -> None:
    for body in ({}, {"keys": {}}, {"keys": [RSA] * 101}):
        with pytest.raises(ProviderRefused) as refused:
            Keys().find("RS256", "first", URL, Canned(keys=body))  # type: ignore[arg-type]
        assert refused.value.why is Why.ANSWER
