"""The same SQLite for all: Python's own ``sqlite3`` is often years older than the one that Daypass brings.

Import it before anything that opens a database.
"""

import sys

import pysqlite3

sys.modules["sqlite3"] = pysqlite3
sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
