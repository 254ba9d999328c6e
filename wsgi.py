"""The WSGI application: for ``daypass serve``, which first refuses what is unsafe, and for ``flask --app wsgi``.

Under another WSGI server, run ``daypass db check`` before it.
"""

from app.factory import create_app
from app.gate import Gate
from app.gate.one_core import OneCore
from app.http.context import parts
from config import load_settings

settings = load_settings()
app = create_app(settings)
application = Gate(app.wsgi_app, parts(app))
if settings.one_core_per_worker:
    application = OneCore(application)
