"""What the HTTP entry points share: credentials, guards, strict bodies, error dispatch, headers, health.

Here belongs HTTP that is the same in every dialect. Not here: a dialect's statuses, bodies and words
(``app.api``), and any rule about tokens (``app.services``).
"""
