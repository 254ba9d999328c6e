"""The web pages in a real browser, against a real server with two workers."""
