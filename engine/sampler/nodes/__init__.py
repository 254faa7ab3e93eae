"""What nodes there are (declarations, no torch) and what they do (one file per family)."""
