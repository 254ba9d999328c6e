"""What Daypass is measured beside: applications that do nothing, and peers (``django_*``, ``flask_jwt``).

Each is a WSGI application that ``bench.serve`` runs. The peers are configured for production: no debugging, no
middleware that an API does not need, persistent connections.
"""
