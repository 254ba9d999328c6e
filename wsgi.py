"""The WSGI application, for ``daypass serve`` and ``flask --app wsgi``.

Before another WSGI server, do what ``daypass serve`` includes: ``daypass db upgrade``, also after ``keys rotate``, lets
the database know the keys, and ``daypass db check`` shows what would keep a server from starting.
"""

import sys

from app.factory import create_app
from app.gate import Gate
from app.gate.cpu_placement import CpuPlacement
from app.http.context import parts
from app.http.resting import LongRequests
from config import SettingsError, load_settings

try:
    settings = load_settings()
    app = create_app(settings)
except SettingsError as error:  # in one line, also under `flask` and other servers
    sys.exit(f"Error: {error}")
application = Gate(LongRequests(app.wsgi_app), parts(app))
if settings.one_core_per_worker:
    application = CpuPlacement(application)
