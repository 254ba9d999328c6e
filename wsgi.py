"""The WSGI application, for ``daypass serve`` and ``flask --app wsgi``.

Before another WSGI server, run ``daypass db check``, which ``daypass serve`` includes.
"""

from app.factory import create_app
from app.gate import Gate
from app.gate.cpu_placement import CpuPlacement
from app.http.context import parts
from config import load_settings

settings = load_settings()
app = create_app(settings)
application = Gate(app.wsgi_app, parts(app))
if settings.one_core_per_worker:
    application = CpuPlacement(application)
