"""Ids that people and platforms carry, and seeds."""

import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 base32, lower case
RANDOM_SEED_LIMIT = 2**53  # exact as a JSON number in browsers and Discord options
SEED_LIMIT = 2**64


def new_id() -> str:
    """Give 16 random base32 characters (80 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_seed() -> int:
    """Give a random seed in [0, 2**53)."""
    return secrets.randbelow(RANDOM_SEED_LIMIT)
