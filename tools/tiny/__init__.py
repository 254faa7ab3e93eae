"""Everything that made the built-in small model: drawings, captions, training and export."""
