"""Logs role: push, query and tail over HTTP, on the shared storage engine."""
