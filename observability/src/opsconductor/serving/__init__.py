"""Serving: the ASGI server of a role, readiness, limits, shutdown and HTTP errors."""
