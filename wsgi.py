"""The WSGI application: for ``daypass serve``, which first refuses what is unsafe, and for ``flask --app wsgi``.

Under another WSGI server, run ``daypass db check`` before it.
"""

from app.factory import create_app

application = app = create_app()
