"""The HTTP API, below /api/auth/."""
