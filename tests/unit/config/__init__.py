"""The deployment settings and the keys file."""
