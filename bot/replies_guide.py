"""What a community is told that has just taken us in."""

from bot.replies import Reply, text


def guide_reply(key: str, *, served: bool) -> Reply:
    """The first steps; `key` is how the settings name the community, `served` whether they do already."""
    first = text("guide-allowed") if served else text("guide-allow", id=key)
    return Reply(lines=(text("guide-title"), first, text("guide-policy"), text("guide-inbox")))
