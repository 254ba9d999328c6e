"""Attacks on a live server with two workers, on both databases: one file for each subject.


Here belong claims about what a crowd, a stolen credential or a broken client can't achieve against the running service.
Not here: rules that one process can prove (``unit``), and bytes of single answers (``contract``).
"""
