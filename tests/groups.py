"""Which tests run in the same process, where several run side by side.

Each process makes what tests share for itself: servers, browsers, databases of fifty thousand tokens. So the tests that
share something dear stay together, and all others go, one by one, to whichever process is free.

Not ``xdist_group``: xdist 3.8 passes such a group on in an attribute that pytest 9.2 no longer has, so it does nothing.
"""

from xdist.scheduler import LoadScopeScheduling

BY_FOLDER = ("tests/browser/", "clients/python/tests/")
"""One server, and one browser, for all of them."""

BY_MODULE = ("tests/contract/", "tests/functional/test_http_edge.py", "tests/functional/test_nginx.py")
"""One application, or server, for a module and a kind of database."""


class InGroups(LoadScopeScheduling):
    """xdist's scheduler by scopes, larger ones first, with the groups of :func:`group_of`."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(test: str) -> str:
    """The name of the group of a test (pytest's node id); its own where it shares nothing."""
    for folder in BY_FOLDER:
        if test.startswith(folder):
            return folder
    module, _, name = test.partition("::")
    if module.startswith(BY_MODULE):
        return f"{module} {'postgresql' if '[postgresql' in name else 'sqlite'}"
    return test
