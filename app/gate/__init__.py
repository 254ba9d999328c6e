"""The gate: ``/auth/verify``, what other APIs ask about each of their requests, answered in front of Flask.

Here belong the WSGI application, the conditions a proxy may set, and the answers' headers and bodies.
Not here: the verdict (``app.services.verifying``), which is the same for whoever asks.
"""

from app.gate.gate import Gate

__all__ = ["Gate"]
