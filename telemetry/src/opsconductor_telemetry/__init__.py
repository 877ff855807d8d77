"""Logs, metrics and traces out of a service: all that a service knows of observability."""
