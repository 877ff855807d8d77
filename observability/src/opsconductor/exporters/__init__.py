"""Exporters role: metrics of the host and of servers that are not ours, under the original exporters' names.

One process, a port each: host 9100, PostgreSQL 9187, Redis 9121, Nginx 9113 (from its JSON access log).
"""
