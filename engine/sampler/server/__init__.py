"""The HTTP and WebSocket face of the sampler, in ComfyUI's shapes; no torch."""
