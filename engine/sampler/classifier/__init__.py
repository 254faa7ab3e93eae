"""A program of its own that says what a picture shows: it looks, and knows nothing of jobs or people."""
