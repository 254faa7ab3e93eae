"""A Discord for tests, on loopback; README.md says how to use it."""
