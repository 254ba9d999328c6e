"""The instant at which these tests happen, and others around it."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

instants = st.timedeltas(timedelta(days=-9999), timedelta(days=9999)).map(NOW.__add__)
