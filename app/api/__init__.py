"""The dialects: each translates one product's wire contract to service calls, without rules of its own.

Each has the same files: ``__init__``, ``routes``, ``schemas``, ``errors``. Dialects never import each other.
"""
