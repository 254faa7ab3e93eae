"""Worker threads that run many prompts at once, so that the torch side can share forward passes between them."""

import importlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

import structlog

from engine.sampler.execution.cache import NodeCache
from engine.sampler.execution.model import Events, HistoryEntry, Store
from engine.sampler.execution.queue import PromptQueue, Running
from engine.sampler.execution.report import type_name
from engine.sampler.execution.run import Implementation, PromptRun, Workshop
from engine.sampler.execution.scout import Scout
from engine.sampler.nodes.registry import NodeDeclaration, Runtime

MOST_AT_ONCE = 32
_log = structlog.get_logger(__name__)


def built_in_implementation(declaration: NodeDeclaration) -> Implementation:
    """Import what a declaration names as "module:function" below `engine.sampler.nodes`."""
    module, _, function = declaration.implementation.partition(":")
    return cast(Implementation, getattr(importlib.import_module(f"engine.sampler.nodes.{module}"), function))


class Executor:
    """Takes prompts from the queue, each into a thread of its own, once the runtime is there."""

    def __init__(
        self,
        *,
        declarations: Mapping[str, NodeDeclaration],
        store: Store,
        queue: PromptQueue,
        events: Events,
        node_cache: NodeCache,
        at_once: int = MOST_AT_ONCE,
        implementation: Callable[[NodeDeclaration], Implementation] = built_in_implementation,
    ) -> None:
        self._declarations = declarations
        self._store = store
        self._queue = queue
        self._events = events
        self._cache = node_cache
        self._at_once = at_once
        self._implementation = implementation
        self._threads: list[threading.Thread] = []
        self._runtime: Runtime | None = None

    @property
    def runtime(self) -> Runtime | None:
        """The torch side; None while it loads."""
        return self._runtime

    def start(self, runtime: Runtime) -> None:
        """Begin to run prompts."""
        workshop = Workshop(
            declarations=self._declarations,
            implementation=self._implementation,
            store=self._store,
            cache=self._cache,
            events=self._events,
            runtime=runtime,
        )
        self._runtime = runtime
        scout = Scout(declarations=self._declarations, store=self._store, queue=self._queue, runtime=runtime)
        self._begin("scout", scout.run)
        for number in range(self._at_once):
            self._begin(f"prompt-{number}", lambda: self._serve(workshop))

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        # A daemon: a node deep in a native call must not hold up the end of the process.
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)  # not before: whoever stops us meanwhile waits for all that are here

    def stop(self, *, grace: float) -> bool:
        """Interrupt everything and wait at most `grace` seconds; whether all threads ended."""
        self._queue.stop()
        end = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Drop kept node outputs, which hold models and tensors, then let the runtime free memory."""
        if not (unload_models or free_memory):
            return
        self._cache.clear()
        if self._runtime is not None:
            self._runtime.free(unload_models=unload_models, free_memory=free_memory)

    def _serve(self, workshop: Workshop) -> None:
        while (running := self._queue.take()) is not None:
            try:
                self._run(running, workshop)
            except Exception as error:  # a fault of ours; the prompt ends and the thread stays
                _log.error("a prompt could not be run", action="prompt_end", error=type_name(error), exc_info=True)
                prompt = running.prompt
                self._queue.finish(HistoryEntry(prompt=prompt, outputs={}, completed=False, messages=[], meta={}))
                self._queue.announce(prompt)

    def _run(self, running: Running, workshop: Workshop) -> None:
        begun = time.monotonic()
        try:
            ending = PromptRun(running, workshop).run()
        finally:
            workshop.runtime.let_go(running.prompt.id)
        if ending.out_of_memory:
            self._recover()
        self._queue.finish(ending.entry)
        ending.tell_end()
        self._queue.announce(running.prompt)
        ending.tell_over()
        seconds = round(time.monotonic() - begun, 3)
        _log.info("prompt ended", action="prompt_end", prompt_id=running.prompt.id, how=ending.how, seconds=seconds)

    def _recover(self) -> None:
        """Give memory back after it ran out; other prompts go on, so models stay."""
        try:
            self.free(unload_models=False, free_memory=True)
        except Exception as error:
            _log.warning("memory could not be freed", action="free", error=type_name(error))
