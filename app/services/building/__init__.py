"""Which use cases there are and what each is made of, in rooms by what they are about.

A new one is an import and a line in its room. Here belongs no decision.
"""
