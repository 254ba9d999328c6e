"""Daypass. Its packages are layers; imports point down only (``docs/architecture.md``, checked by import-linter)."""
