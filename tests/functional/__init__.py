"""The whole service, over HTTP."""
