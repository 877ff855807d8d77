"""Dashboards role: provisioning, the data source proxy and the UI (no code yet)."""
