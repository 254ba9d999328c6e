"""HTTP that all dialects share: credentials, access guards, strict bodies, error dispatch, headers, health.

Not here: a dialect's statuses, bodies and sentences (``app.api``), and rules about tokens (``app.services``).
"""
