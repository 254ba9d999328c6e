"""Queries, schema and connections, each on both databases."""
