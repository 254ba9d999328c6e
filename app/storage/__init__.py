"""The engine, the tables, and one query module per subject; no other layer writes SQL.

Not here: decisions and commits; queries use the caller's session and never end its transaction.
"""
