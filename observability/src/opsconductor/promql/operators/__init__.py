"""PromQL's functions, aggregations and operators, a family of one formula each file."""
