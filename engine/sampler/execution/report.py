"""What went wrong in a node, told without saying where on this machine: no paths, no addresses of objects."""

import re
import traceback
from collections.abc import Mapping
from pathlib import Path

from engine.sampler.execution.model import Json, JsonObject

_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"]+/)+|(?<!\w)[A-Za-z]:[\\/](?:[^\\/\s'\"]+[\\/])*")
_LONGEST_MESSAGE = 2000


def without_paths(text: str) -> str:
    """Cut the folders from absolute paths, so that only file names stay."""
    return _FOLDERS.sub("", text)


def type_name(error: BaseException) -> str:
    """Name the exception's type as ComfyUI does: with its module unless built in, e.g. `torch.OutOfMemoryError`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, told by the type's name: torch is not imported to ask."""
    return any(kind.__name__ in ("OutOfMemoryError", "MemoryError") for kind in type(error).__mro__)


def failure(error: Exception, inputs: Mapping[str, object]) -> JsonObject:
    """Give the fields of `execution_error` that tell of the exception."""
    stack = traceback.extract_tb(error.__traceback__)
    return {
        "exception_message": f"{without_paths(str(error))[:_LONGEST_MESSAGE]}\n",
        "exception_type": type_name(error),
        "traceback": [
            f'  File "{Path(frame.filename).name}", line {frame.lineno}, in {frame.name}\n' for frame in stack
        ],
        "current_inputs": {name: [_shown(value)] for name, value in inputs.items()},
    }


def _shown(value: object) -> Json:
    return value if isinstance(value, str | int | float | bool) else f"<{type(value).__name__}>"
