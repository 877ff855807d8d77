"""What the stages and aggregations of a query do, a file each."""
