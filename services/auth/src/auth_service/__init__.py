"""Auth: users, roles and sessions.

`python -m auth_service` starts it. settings → application (the composition) → api (HTTP) → users (PostgreSQL),
sessions and guards (Redis), passwords (Argon2id).
"""
