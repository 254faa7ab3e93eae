"""Looks ahead in the queue, so that the checkpoint of the prompt that is next is in memory when its turn comes."""

from collections.abc import Iterator, Mapping

import structlog

from engine.sampler.execution.model import Prompt, Store, Value
from engine.sampler.execution.queue import PromptQueue
from engine.sampler.execution.report import type_name
from engine.sampler.nodes.registry import NodeDeclaration, Runtime

_CHECKPOINTS = "checkpoints"
_log = structlog.get_logger(__name__)


class Scout:
    """Has checkpoints loaded that prompts at the head of the queue name, where there is room for them."""

    def __init__(
        self,
        *,
        declarations: Mapping[str, NodeDeclaration],
        store: Store,
        queue: PromptQueue,
        runtime: Runtime,
    ) -> None:
        self._declarations = declarations
        self._store = store
        self._queue = queue
        self._runtime = runtime

    def run(self) -> None:
        """Look ahead until the queue is stopped."""
        seen: Prompt | None = None
        while (seen := self._queue.upcoming(seen)) is not None:
            for name in self._checkpoints(seen):
                try:
                    self._runtime.prefetch(self._store.model_path(_CHECKPOINTS, name))
                except Exception as error:  # the prompt will meet it again and tell its owner
                    _log.info("could not fetch ahead", action="prefetch", error=type_name(error))

    def _checkpoints(self, prompt: Prompt) -> Iterator[str]:
        for node in prompt.nodes.values():
            for given in self._declarations[node.class_type].inputs:
                written = node.inputs.get(given.name)
                if given.folder == _CHECKPOINTS and isinstance(written, Value):
                    yield str(written.value)
