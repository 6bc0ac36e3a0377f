"""Values as AWS's Java services print them in their errors."""

from __future__ import annotations

from typing import Any

from noria.protocol.models import Shape


def lower_first(name: str) -> str:
    """``FunctionName`` → ``functionName``, however many capitals follow (``uUID``)."""
    return name[:1].lower() + name[1:]


def rendered(value: Any, shape: Shape) -> str:
    """``[a, b]``, ``{2=-1.0}``, ``true``, ``1.0``; structures with their members' names."""
    if shape.type == "structure":
        members = (
            f"{lower_first(name)}={rendered(value[name], member.shape)}"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
        return f"{shape.name}({', '.join(members)})"
    if shape.element is not None:
        return f"[{', '.join(rendered(item, shape.element.shape) for item in value)}]"
    if shape.value is not None:
        items = (f"{name}={rendered(item, shape.value.shape)}" for name, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
