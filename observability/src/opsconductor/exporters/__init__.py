"""Exporters role: metrics of the host and of servers that are not ours (no code yet)."""
