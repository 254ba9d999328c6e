"""Tests of ``app.gate``."""
