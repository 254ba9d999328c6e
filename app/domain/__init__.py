"""Facts and rules of tokens, users and instance settings; standard library only.

Not here: anything that reads the time or does input or output.
"""
