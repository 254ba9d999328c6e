"""Faults to plant in the code, and the command that shows which test catches each: ``make mutants``.

Here belong one-line slips that break a promise or a rule. Not here: the tests that catch them.
"""
