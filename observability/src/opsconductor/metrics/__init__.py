"""Metrics role: scrape, rules, queries and remote write (no code yet)."""
