"""The gate: ``/auth/verify``, the check for proxies and other APIs, answered in front of Flask.

Not here: the decision (``app.services.verifying``), the same for all entry points.
"""

from app.gate.gate import Gate

__all__ = ["Gate"]
