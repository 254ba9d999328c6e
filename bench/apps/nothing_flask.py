"""The Flask view that does nothing: the limit of Flask itself, without a database."""

from flask import Flask

application = Flask(__name__, static_folder=None)


@application.get("/")
def nothing() -> str:
    """Answers 200 to every request."""
    return "ok\n"
