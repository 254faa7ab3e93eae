"""Ids that people and platforms carry, and seeds."""

import secrets
from base64 import b32encode

RANDOM_SEED_LIMIT = 2**53  # exact as a JSON number in browsers and Discord options
SEED_LIMIT = 2**64


def new_id() -> str:
    """Give 16 random base32 characters (80 bits)."""
    return b32encode(secrets.token_bytes(10)).decode("ascii").lower()


def new_seed() -> int:
    """Give a random seed in [0, 2**53)."""
    return secrets.randbelow(RANDOM_SEED_LIMIT)
