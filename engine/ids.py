"""Ids that people and platforms carry, and seeds."""

import secrets
import time

RANDOM_SEED_LIMIT = 2**53  # exact as a JSON number in browsers and Discord options
SEED_LIMIT = 2**64
_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"  # in the order that databases sort them
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]  # for each value of ten bits
_OF_BYTE = _BASE32.encode() * 8  # a character for each value of a byte, each of 32 as often
_TICKS = 256  # a second; 40 bits of them last until the year 2106


def new_id() -> str:
    """Give 16 base32 characters: 40 bits of the time and 40 random ones.

    Ids that are made one after another sort in that order, so that what is written together lies together in a
    database's indexes: random ones would touch another page of each with every row, and the more the more there are.
    """
    ticks = int(time.time() * _TICKS) & (1 << 40) - 1
    made = _PAIRS[ticks >> 30] + _PAIRS[ticks >> 20 & 1023] + _PAIRS[ticks >> 10 & 1023] + _PAIRS[ticks & 1023]
    return made + secrets.token_bytes(8).translate(_OF_BYTE).decode("ascii")


def new_seed() -> int:
    """Give a random seed in [0, 2**53)."""
    return secrets.randbelow(RANDOM_SEED_LIMIT)
