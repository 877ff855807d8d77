"""Traces role: OTLP in, trace search out (no code yet)."""
