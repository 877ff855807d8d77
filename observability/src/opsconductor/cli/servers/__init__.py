"""The real servers that our supervisor runs: PostgreSQL, Redis or Valkey, Nginx."""
