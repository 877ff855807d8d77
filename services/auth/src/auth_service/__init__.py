"""Auth: users, roles and sessions."""
