"""The gate: what is asked for each request of an API, answered in front of Flask.

``/auth/verify``, the check for proxies and other APIs, and OAuth's introspection and revocation.

Not here: the decision (``app.services.verifying``), the same for all entry points.
"""

from app.gate.gate import Gate

__all__ = ["Gate"]
