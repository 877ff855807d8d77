"""Metrics role: scrape, rules, queries and remote write."""
