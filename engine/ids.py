"""Ids that people and platforms carry, and seeds."""

import secrets

RANDOM_SEED_LIMIT = 2**53  # exact as a JSON number in browsers and Discord options
SEED_LIMIT = 2**64
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567" * 8  # a character for each value of a byte, each of 32 as often


def new_id() -> str:
    """Give 16 random base32 characters (80 bits)."""
    return secrets.token_bytes(16).translate(_BASE32).decode("ascii")


def new_seed() -> int:
    """Give a random seed in [0, 2**53)."""
    return secrets.randbelow(RANDOM_SEED_LIMIT)
