"""Ten errands on the pages, each by a person whose clicks, keys, page loads and seconds are counted.

``python -m tests.browser.errands`` runs them on a live server with months of sample data, for ``bench/errands.md``.
"""
