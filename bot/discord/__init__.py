"""Discord, on discord.py: platform events become Commands, Replies become cards."""
