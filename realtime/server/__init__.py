"""The doors: WebSocket, HTTP, and the demo page."""
