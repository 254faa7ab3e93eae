"""Checkpoints, and the networks made of them."""
