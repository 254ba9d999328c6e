"""Numbered migrations, up and down (Alembic through Flask-Migrate); the tests compare them with the tables.

Additive only: the previous release's code must work on the new schema.
"""
