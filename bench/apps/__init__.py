"""What Daypass is measured beside: apps that do nothing, and what people use instead.

Each is a WSGI application that ``bench.serve`` runs. The peers (``django_*``, ``flask_jwt``) are set up as a
competent operator would for production: no debugging, no middleware that is not needed, connections that stay open.
Not here: how they are loaded and compared.
"""
