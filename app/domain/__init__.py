"""What the tokens are, when they stop being good, and why somebody is refused.

Here belong facts and rules that would be true without a database, a web server or a clock of their own.
Not here: anything that imports more than the standard library, reads the time, or does input or output.
"""
