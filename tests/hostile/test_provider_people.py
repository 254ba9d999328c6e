"""A provider that says strange things of a person: nobody gets another's account or more rights."""

from typing import Any

import pytest

from tests.hostile.provided import MARK, Provided, assert_refused

DEEP: Any = MARK
for _ in range(200):
    DEEP = {"groups": [DEEP]}

CLAIMS: dict[str, dict[str, Any]] = {
    "roles within roles": {"groups": ["admins", {"groups": ["admins"]}]},
    "roles of an object": {"groups": {"admins": True}},
    "roles without end": {"groups": DEEP},
    "a role that is a number": {"groups": 7},
    "a list of roles of 1 MB": {"groups": ["admins", *[MARK * 25] * 10_000]},
    "a list of 5,000 roles": {"groups": ["admins", *[MARK] * 5_000]},
    "a user name with a line end": {"preferred_username": f"{MARK}\r\nadmin"},
    "a user name that runs backwards": {"preferred_username": f"{MARK}\u202enimda"},
    "a user name that is a list": {"preferred_username": [MARK]},
    "a first name that runs backwards": {"given_name": f"{MARK}\u202e"},
    "a last name that is an object": {"family_name": {MARK: 1}},
    "an e-mail that is a list": {"email": [f"{MARK}@example.com"]},
    "an e-mail that is none": {"email": f"{MARK}@", "email_verified": True},
    "two e-mails in one": {"email": f"a@example.com,{MARK}@example.com", "email_verified": True},
    "a session of 10 KB": {"sid": MARK * 2560},
    "a sign-in at no time": {"auth_time": MARK},
    "a sign-in before all time": {"auth_time": -1},
}
"""Claims in a form that they may not have."""


@pytest.mark.parametrize("strange", CLAIMS)
def test_claims_of_a_strange_form_sign_nobody_in(provided: Provided, strange: str) -> None:
    person = {"sub": "strange", "preferred_username": "strange", "given_name": "A", "family_name": "B"}
    visitor = provided.visitor(person=person | {"email_verified": True, "email": ""} | CLAIMS[strange])
    with provided.refusing():
        assert_refused(visitor.sign_in_there(), visitor)
