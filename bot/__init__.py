"""What people talk to: commands, replies, delivery and one thin adapter per platform."""
