"""scim2-tester, which nobody here wrote, against the application, on both databases."""

import pytest
from flask import Flask
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from app.services import Services
from tests.contract.asking_scim import PREFIX, new_token

pytestmark = pytest.mark.both_databases

PASSED = (Status.SUCCESS, Status.COMPLIANT)
NOT_SUPPORTED = ["search_with_attributes"] * 2
"""Searching users and groups in one request: Daypass answers 501, as RFC 7644 allows."""


def test_all_checks_of_the_conformance_suite_pass(app: Flask, services: Services) -> None:
    headers = {"Authorization": f"Bearer {new_token(services)}"}
    client = WSGISCIMClient(app, base_url=f"http://localhost{PREFIX}", headers=headers)
    results = check_server(client)

    others = [each for each in results if each.status not in PASSED]
    assert [(each.title, each.status) for each in others] == [(name, Status.SKIPPED) for name in NOT_SUPPORTED]
    assert len(results) > 60
