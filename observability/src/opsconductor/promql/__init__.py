"""PromQL: parser, typed tree, plan and vectorised execution."""
