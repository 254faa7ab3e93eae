"""Our sampler: a ComfyUI-compatible server in a process of its own. It knows nothing of the queue."""
