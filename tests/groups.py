"""Which tests run in the same process, and which first, where several processes run them.

Each process makes what tests share for itself: servers, browsers, databases of fifty thousand tokens. So the tests that
share something dear stay together, and all others go, one by one, to whichever process is free.

Not ``xdist_group``: xdist 3.8 passes such a group on in an attribute that pytest 9.2 no longer has, so it does nothing.
"""

from xdist.scheduler import LoadScopeScheduling

FUNCTIONAL = "tests/functional/test_"

GALLERY = "tests/browser/test_accessibility.py"
"""In two groups with a server and a browser each: in one, it would be the last to end, and others would have ended long
before."""

BY_FOLDER = ("tests/browser/", "clients/python/tests/")
"""One server, and one browser, for all of them."""

SHARED = ["faults", "gate", "load", "minting", "oauth", "oauth_libraries", "revocation", "trifacta"]
SDKS = ["alation_sdk", "allie_sdk", "trifacta_sdk"]
HOSTILE = [
    "bounded_work", "edges", "ladder", "late_requests", "oauth", "stolen_sessions", "stray_secrets", "strict_input",
]  # fmt: skip
SHARE_A_SERVER = (
    *(f"{FUNCTIONAL}{name}.py" for name in (*SHARED, *SDKS)),
    *(f"tests/hostile/test_{name}.py" for name in HOSTILE),
    "tests/environment/test_files.py::test_no_process_that_serves_",
)
"""One server for each kind of database, for many of these together."""

BY_MODULE = (
    "tests/contract/",
    "tests/hostile/test_provider",
    f"{FUNCTIONAL}documentation.py",
    f"{FUNCTIONAL}http_edge.py",
    f"{FUNCTIONAL}nginx.py",
    f"{FUNCTIONAL}one_base_url.py",
    f"{FUNCTIONAL}proxy_sign_in.py",
    "tests/environment/test_below_a_path.py",
    "tests/environment/test_health.py",
)
"""One application, or server, for a module and a kind of database."""

FIRST = (
    *BY_FOLDER,
    *SHARE_A_SERVER,
    FUNCTIONAL,
    "tests/hostile/",
    "tests/environment/",
    "tests/integration/",
    "tests/contract/",
)
"""What takes longest, in this order; the many short tests fill what is left of every process's time."""


class InGroups(LoadScopeScheduling):
    """xdist's scheduler by scopes, in the order of the tests, with the groups of :func:`group_of`."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(test: str) -> str:
    """The name of the group of a test (pytest's node id); its own where it shares nothing."""
    if test.startswith(GALLERY):
        return f"{GALLERY} {'administrators' if '[admin' in test else 'others'}"
    for folder in BY_FOLDER:
        if test.startswith(folder):
            return folder
    module, _, name = test.partition("::")
    kind = "postgresql" if "[postgresql" in name else "sqlite"
    if test.startswith(SHARE_A_SERVER):
        # Two of them, and the SDK's, which waits for its installation: one alone would be the last to end.
        alone = "tests/hostile/" if test.startswith("tests/hostile/") else FUNCTIONAL
        return f"{module if module.endswith('_sdk.py') else alone} {kind}"
    return f"{module} {kind}" if module.startswith(BY_MODULE) else test


def place_of(test: str) -> int:
    """Where a test stands in the order, 0 for the first."""
    return next((place for place, start in enumerate(FIRST) if test.startswith(start)), len(FIRST))
