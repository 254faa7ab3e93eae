"""What somebody sees, as HTML that looks like Discord's dark client: page.py."""
