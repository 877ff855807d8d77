"""Alerts role: routes, grouping, silences, inhibition and receivers (no code yet)."""
