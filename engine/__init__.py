"""The studio and its queue, the endpoints that it dispatches to, and our own sampler."""
