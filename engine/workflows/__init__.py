"""Workflows: graphs, templates over them, binding, and what endpoints can run. Pure, but for `library`."""
