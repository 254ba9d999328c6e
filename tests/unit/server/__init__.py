"""Tests of ``app.server``."""
