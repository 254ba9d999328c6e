"""The domain by itself: no database, no clock but a given instant."""
