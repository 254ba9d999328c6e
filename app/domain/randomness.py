"""Telling random letters and digits from words that are written together, as in ``OrdersByRegionAndMonthV2``.

What changes between capitals, small letters and digits, and which letters there are, is compared with what is usual in
random base62 and in such words. One random run of 20 characters in 1,400 is taken for words, and one of 36 in 20,000;
one in forty of 36 characters that are words, many of them short or abbreviated, is taken for random.
"""

from itertools import pairwise
from math import log

_DIGIT, _CAPITAL, _SMALL = range(3)

_RANDOM = (10 / 62, 26 / 62, 26 / 62)
_WORDS = ((0.50, 0.35, 0.15), (0.03, 0.17, 0.80), (0.04, 0.16, 0.80))
"""How often the kind of a row is followed by that of a column."""

_STEPS = tuple(tuple(log(of_all / of_words) for of_all, of_words in zip(_RANDOM, row, strict=True)) for row in _WORDS)

_COMMON = frozenset("acdeilmnorstu")
"""Half of the letters, which are five sixths of those in English text and as many in its neighbours'."""

_COMMON_LETTER, _RARE_LETTER = log(0.5 / 0.84), log(0.5 / 0.16)

LEAST = -4.0
"""Below 0, as a secret that stays costs more than a name that is refused."""


def looks_random(run: str) -> bool:
    """Whether a run of ASCII letters and digits is more likely random than words. It takes at least 20 to tell."""
    steps = sum(_STEPS[left][right] for left, right in pairwise(map(_kind, run)))
    letters = sum(_COMMON_LETTER if each in _COMMON else _RARE_LETTER for each in run.lower() if each.isalpha())
    return steps + letters >= LEAST


def _kind(character: str) -> int:
    return _DIGIT if character.isdigit() else _CAPITAL if character.isupper() else _SMALL
