"""Collector: discovers files, tails them, runs the stages of promtail.yml and pushes to the log store."""
