"""The processes and the socket of ``daypass serve``: a supervisor, its workers, and what they listen on.

Not here: what a worker serves (``wsgi.py``), and reading the settings (``app.cli``).
"""


class CannotServe(Exception):
    """The server can't start; the message is one line."""
