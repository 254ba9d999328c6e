"""The WSGI application, for granian (``daypass serve``) and any other WSGI server, and for ``flask --app wsgi``."""

from app.factory import create_app

application = app = create_app()
