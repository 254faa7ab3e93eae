"""The checks of prompts and pictures, built for `bot/compose.py`."""

from config.settings import Settings, config_dir
from engine.ports import Accounts, Blobs, Books
from engine.ports_moderation import Reviews, Safety
from engine.safety.guard import Guard, RuleSafety
from engine.safety.rules import Rules
from engine.safety.verdicts import Verdict
from engine.screening import Screener


def build_safety() -> Safety:
    """All checks of prompts and pictures."""
    return Guard([RuleSafety(Rules.load(config_dir() / "safety" / "rules.toml"))])


def build_screener(
    settings: Settings, books: Books, accounts: Accounts, reviews: Reviews, blobs: Blobs, safety: Safety
) -> Screener:
    """What asks the checks, and decides by each place's policy."""
    return Screener(
        safety=safety,
        books=books,
        accounts=accounts,
        reviews=reviews,
        blobs=blobs,
        nsfw=Verdict(settings.safety.nsfw),
    )
