"""Label matching and aggregation, shared by both query languages."""
