"""Frontend: the server of the web UI. It holds the session in cookies and calls auth and backend for the user.

`__main__` composes; `application` is the ASGI app; `pages` holds a file per noun of the UI; `services` calls the two
APIs; `session` is who asks; `tokens` the cookies; `protection` what guards against other sites.
"""
