"""Routes whose addresses are compiled when they are first built."""

from werkzeug.routing import Map, Rule

from app.factory import create_app
from app.http.late_rules import LateRule
from config import Settings
from tests.databases import KEYS, close

PATTERN = "/tokens/<string:public_id>/uses/<int:number>/"
VALUES = {"public_id": "a b/\N{SNOWMAN}", "number": 3}


def built(rule: type[Rule], values: dict[str, object]) -> list[str]:
    """What two calls in a row build, so that the second finds what the first has compiled."""
    urls = Map([rule(PATTERN, endpoint="uses")]).bind("example.com")
    return [urls.build("uses", values, append_unknown=appends) for appends in (True, False, True, False)]


def test_they_build_the_addresses_of_werkzeugs_own() -> None:
    """With names of parameters that are those of Python's methods, too."""
    for extra in ({}, {"page": "2", "self": "x", "rule": "y"}):
        assert built(LateRule, VALUES | extra) == built(Rule, VALUES | extra)


def test_an_application_is_created_without_compiling_one(settings: Settings) -> None:
    """Fails when a release of Werkzeug no longer calls what is replaced: starts would take longer again."""
    app = create_app(settings, KEYS)
    rules = list(app.url_map.iter_rules())
    assert rules and all(rule._build.__func__ is LateRule._first_build for rule in rules)
    close(app)
