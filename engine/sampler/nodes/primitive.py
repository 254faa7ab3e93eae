"""Nodes that give a value."""

from engine.sampler.nodes.registry import NodeContext


def primitive_int(context: NodeContext, *, value: int) -> tuple[int]:
    """Give a whole number."""
    return (value,)


def primitive_float(context: NodeContext, *, value: float) -> tuple[float]:
    """Give a number."""
    return (value,)


def primitive_string(context: NodeContext, *, value: str) -> tuple[str]:
    """Give a text."""
    return (value,)


def primitive_boolean(context: NodeContext, *, value: bool) -> tuple[bool]:
    """Give yes or no."""
    return (value,)
