"""Daypass: long-lived refresh tokens, short-lived access tokens, and one fast check.

The packages below are layers; imports point down only (``docs/architecture.md``, checked by import-linter).
"""
