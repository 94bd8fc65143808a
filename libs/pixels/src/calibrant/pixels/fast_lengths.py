"""Lengths that are quick to transform, for whoever pads what it transforms; must not know what that is."""

from functools import lru_cache


@lru_cache(maxsize=64)
def fast_length(least: int) -> int:
    """Give the least even number, at least so large, with no prime factor above 5."""
    length = max(least + least % 2, 2)
    while not _smooth(length):
        length += 2
    return length


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number == 1
