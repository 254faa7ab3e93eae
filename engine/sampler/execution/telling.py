"""What a client is told while its prompt runs, frame by frame as ComfyUI sends them."""

import threading
import time

from engine.sampler.execution.model import Events, Json, JsonObject, Prompt


class Telling:
    """The frames of one prompt; keeps the messages that the history repeats and each node's progress. Thread-safe."""

    def __init__(self, prompt: Prompt, events: Events) -> None:
        self.messages: list[Json] = []
        self._prompt = prompt
        self._events = events
        self._lock = threading.Lock()
        self._progress: dict[str, JsonObject] = {}

    def note(self, event: str, data: JsonObject) -> JsonObject:
        """Keep a message for the history; gives its frame, which `send` sends."""
        frame: JsonObject = {"prompt_id": self._prompt.id, **data, "timestamp": time.time_ns() // 1_000_000}
        self.messages.append([event, frame])
        return frame

    def send(self, event: str, frame: JsonObject) -> None:
        """Send a frame to the prompt's client."""
        self._events.send(self._prompt.client_id, event, frame)

    def noted(self, event: str, data: JsonObject) -> None:
        """Keep a message and send it."""
        self.send(event, self.note(event, data))

    def begins(self, node_id: str) -> None:
        """A node begins."""
        self._moved(node_id, 0.0, 1.0, "running")
        self.send("executing", {"node": node_id, "display_node": node_id, "prompt_id": self._prompt.id})

    def steps(self, node_id: str, value: int, maximum: int, preview: bytes | None) -> None:
        """A node has made some of its steps; after its end nothing is told."""
        if not self._moved(node_id, value, maximum, "running"):
            return
        prompt_id = self._prompt.id
        self.send("progress", {"value": value, "max": maximum, "prompt_id": prompt_id, "node": node_id})
        if preview is not None:
            self._events.preview(self._prompt.client_id, prompt_id=prompt_id, node_id=node_id, image=preview)

    def shows(self, node_id: str, ui: JsonObject) -> None:
        """An output node has something to show."""
        frame: JsonObject = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": self._prompt.id}
        self.send("executed", frame)

    def ends(self, node_id: str) -> None:
        """A node has ended well."""
        with self._lock:
            maximum = self._progress.get(node_id, {"max": 1})["max"]
        self._moved(node_id, maximum, maximum, "finished")

    def over(self) -> None:
        """Nothing more comes."""
        self.send("executing", {"node": None, "prompt_id": self._prompt.id})

    def _moved(self, node_id: str, value: Json, maximum: Json, state: str) -> bool:
        with self._lock:
            if self._progress.get(node_id, {}).get("state") == "finished":
                return False
            self._progress[node_id] = {
                "value": value,
                "max": maximum,
                "state": state,
                "node_id": node_id,
                "prompt_id": self._prompt.id,
                "display_node_id": node_id,
                "parent_node_id": None,
                "real_node_id": node_id,
            }
            self.send("progress_state", {"prompt_id": self._prompt.id, "nodes": dict(self._progress)})
        return True
