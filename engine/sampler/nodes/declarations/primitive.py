"""Nodes that give a value, so that several inputs can share it."""

from engine.sampler.nodes.declarations.parts import real, whole
from engine.sampler.nodes.registry import Input, NodeDeclaration

_MOST = 2**63 - 1


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the primitives."""
    return (
        _primitive(
            "PrimitiveInt",
            whole("value", None, -_MOST, _MOST, extra={"control_after_generate": True}),
            how="primitive_int",
            display_name="Int",
        ),
        _primitive("PrimitiveFloat", real("value", None, -_MOST, _MOST), how="primitive_float", display_name="Float"),
        _primitive(
            "PrimitiveString",
            Input(name="value", type="STRING", extra={"multiline": False}),
            how="primitive_string",
            display_name="String",
        ),
        _primitive(
            "PrimitiveBoolean",
            Input(name="value", type="BOOLEAN"),
            how="primitive_boolean",
            display_name="Boolean",
        ),
    )


def _primitive(class_type: str, value: Input, *, how: str, display_name: str) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=(value,),
        outputs=(value.type,),
        implementation=f"primitive:{how}",
        display_name=display_name,
        category="utils/primitive",
        module="comfy_extras.nodes_primitive",
        modern=True,
    )
