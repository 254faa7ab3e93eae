"""The nearest right thing to a wrong one."""

import difflib
from collections.abc import Iterable

LONGEST = 64  # characters compared; the comparison costs their product


def nearest(word: str, choices: Iterable[str], *, cutoff: float = 0.5) -> str:
    """Give the choice most like `word`, upper and lower case alike; empty if none is at least `cutoff` (0 to 1) alike.

    A choice that begins with the word, or holds it, counts as near: `sdxl` finds `sdxl_base_1.0.safetensors`.
    """
    wanted = word.strip().casefold()[:LONGEST]
    by_folded = {choice.casefold()[:LONGEST]: choice for choice in choices}
    if not wanted or not by_folded:
        return ""
    close = difflib.get_close_matches(wanted, list(by_folded), n=1, cutoff=cutoff)
    if close:
        return by_folded[close[0]]
    inside = [choice for choice in by_folded if wanted in choice] if len(wanted) > 1 else []
    return by_folded[min(inside, key=len)] if inside else ""
