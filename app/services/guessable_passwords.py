"""Whether a password is easy to guess: zxcvbn's estimate of the guesses, from lists of leaked passwords and of words.

https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler
"""

import threading

ENOUGH_GUESSES = 10**9

EXAMINED = 20
"""Characters at once: reading digits and signs as letters takes 0.1 s for 20 in the worst case, and 2 s for 60."""
PARTS = 3

_ONE_AT_A_TIME = threading.Lock()
"""zxcvbn writes to a dictionary of its module."""


def is_guessable(password: str) -> bool:
    """Whether each of its first parts takes fewer than ENOUGH_GUESSES. Takes 1 ms, in the worst case 0.2 s."""
    # Imported at first use: its lists take 13 MB, and most processes never set a password.
    from zxcvbn import zxcvbn

    starts = range(0, min(len(password), PARTS * EXAMINED), EXAMINED)
    with _ONE_AT_A_TIME:
        return all(zxcvbn(password[start : start + EXAMINED])["guesses"] < ENOUGH_GUESSES for start in starts)
