"""Dashboards role: the web UI, a same-origin proxy to the data sources, and dashboards read from provisioning files.

Data comes over HTTP only: the proxy passes requests to the stores that the provisioning names, ours or the originals.
"""
