"""From the history of a prompt that ended to its outcome, or to the error that it ended with."""

from engine.endpoints.comfyui.answers import Ending, Failure, FileRef, HistoryEntry
from engine.endpoints.comfyui.client import ComfyClient
from engine.endpoints.comfyui.mime import guess_mime
from engine.endpoints.comfyui.wording import plain_reason, without_prompts
from engine.errors import EndpointError, EndpointFull, ExecutionFailed, Interrupted, OutOfMemory, OutputMissing
from engine.model import Graph, OutputFile

_OUT_OF_MEMORY = ("outofmemory", "out of memory", "allocation on device")
_DISK_FULL = ("no space left on device", "disk quota exceeded", "the disk is full")  # ours says the last
_MOST_FILES = 256


def ending_error(endpoint: str, entry: HistoryEntry, graph: Graph) -> EndpointError | None:
    """Give the error that the prompt ended with; None if it succeeded."""
    if entry.ending is Ending.INTERRUPTED:
        return Interrupted(f"somebody interrupted it on {endpoint}", endpoint=endpoint)
    if entry.ending is Ending.SUCCESS:
        return None
    failure = entry.failure or Failure()
    said = f"{failure.exception_type} {failure.message}".lower()
    if any(sign in said for sign in _OUT_OF_MEMORY):
        return OutOfMemory(f"{endpoint} ran out of memory in {failure.node_type}", endpoint=endpoint)
    if any(sign in said for sign in _DISK_FULL):
        return EndpointFull(f"{endpoint} has no room for {failure.node_type}'s file", endpoint=endpoint)
    node = failure.node_type or failure.node_id or "unknown"
    reason = plain_reason(without_prompts(failure.message, graph)) or failure.exception_type or "it does not say why"
    return ExecutionFailed(f"{node} failed on {endpoint}: {reason}", endpoint=endpoint, node=node, reason=reason)


def wanted_files(entry: HistoryEntry) -> tuple[FileRef, ...]:
    """Choose the results: all of type "output"; previews of type "temp" only if nothing else came, text included."""
    files = tuple(ref for ref in dict.fromkeys(entry.files) if ref.folder == "output")
    if not files and not entry.texts:
        files = tuple(ref for ref in dict.fromkeys(entry.files) if ref.folder == "temp")
    return files


async def fetch_results(client: ComfyClient, entry: HistoryEntry) -> tuple[OutputFile, ...]:
    """Fetch all results, in the order of the history. Raises OutputMissing, ExecutionFailed, EndpointLost."""
    refs = wanted_files(entry)
    if not refs and not entry.texts:
        raise OutputMissing(f"{client.endpoint} made no output", endpoint=client.endpoint)
    if len(refs) + len(entry.texts) > _MOST_FILES:
        reason = f"it made more than {_MOST_FILES} results"
        raise ExecutionFailed(reason, endpoint=client.endpoint, node=refs[0].node_id if refs else "", reason=reason)
    results = []
    for ref in refs:
        data = await client.view(ref)
        mime = guess_mime(data, ref.filename)
        results.append(OutputFile(node_id=ref.node_id, kind=ref.kind, filename=ref.filename, mime=mime, data=data))
    for number, text in enumerate(entry.texts, start=1):
        results.append(
            OutputFile(
                node_id=text.node_id,
                kind=text.kind,
                filename=f"text_{number:05}.txt",
                mime="text/plain",
                data=text.text.encode(errors="replace"),
            )
        )
    return tuple(results)
