"""Alerts role: routes, grouping, silences, inhibition and receivers, read from alertmanager.yml.

`config` reads the route tree; `state` (SQLite) keeps alerts, silences and the notification log; `dispatch` groups
alerts and flushes the groups by their timers; `mute` says who is silenced or inhibited; `notify` sends, once for each
change and again after the repeat interval.
"""
