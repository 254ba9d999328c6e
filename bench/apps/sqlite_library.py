"""The same SQLite for everybody: Python's own ``sqlite3`` is often years older than the one that Daypass brings.

Imported before anything that opens a database. Not here: how databases are set up.
"""

import sys

import pysqlite3

sys.modules["sqlite3"] = pysqlite3
sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
