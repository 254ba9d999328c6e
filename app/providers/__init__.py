"""Talking to OpenID providers: discovery, keys, the exchange of a code, and the judgement of their answers.

What comes back are facts about a person (``app.domain.sign_ins``). Not here: whose account that is
(``app.services.joining``), and the browser's way there and back (``app.web``).
"""
