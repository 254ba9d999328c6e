"""Numbered migrations (Flask-Migrate), compared with the tables by test.

Additive only: the previous release's code must work on the new schema.
"""
