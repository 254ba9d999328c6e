"""The Flask view that does nothing: what Flask itself can do, before anybody asks a database.

Not here: anything else.
"""

from flask import Flask

application = Flask(__name__, static_folder=None)


@application.get("/")
def nothing() -> str:
    """Answers 200, whatever is asked."""
    return "ok\n"
