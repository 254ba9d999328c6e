"""Keeping what the services decide: the engine, the tables, and one query module per subject.

Here belongs everything that names a table or a database. Not here: decisions and commits; queries take a
session that somebody else opened, and never end its transaction. No other layer writes SQL.
"""
