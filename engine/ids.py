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


def new_uuid() -> str:
    """Give a UUID of version 7: 48 bits of the time in milliseconds, 74 random ones; they sort as `new_id` does.

    Source: RFC 9562, section 5.7.
    """
    random = int.from_bytes(secrets.token_bytes(10))
    high, low = random & 0xFFF, random >> 18  # 12 and 62 bits
    digits = f"{time.time_ns() // 1_000_000 & (1 << 48) - 1:012x}{0x7000 | high:04x}{1 << 63 | low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_seed() -> int:
    """Give a random seed in [0, 2**53)."""
    return secrets.randbelow(RANDOM_SEED_LIMIT)
