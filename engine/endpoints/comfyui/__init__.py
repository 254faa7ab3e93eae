"""Endpoints that speak the ComfyUI HTTP and WebSocket API."""
