"""The dialects: each translates one product's wire contract, and holds no rule.

A dialect is five translations: credential in, body in, one service call, success out, refusal out. Each has
the same files: ``__init__`` (blueprints and guards), ``routes``, ``schemas``, ``errors``. Dialects never
import each other.
"""
