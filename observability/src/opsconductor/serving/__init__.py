"""Serving: the ASGI server of a role, readiness, limits, shutdown and HTTP errors.

`server.serve` runs an app on one listener until SIGTERM; `errors.ErrorMiddleware` turns our errors into statuses;
`health.health_routes` answers /ready and /metrics; `counters` holds a role's own figures.
"""
