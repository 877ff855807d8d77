"""LogQL: parser, typed tree, plan and execution over a storage snapshot.

    expression = parser.parse('{service="auth"} |= "refused"')
    result = execute.run(snapshot, expression, QueryParams(…), connection, Budget(…))

`syntax` is the tree, `result` what a query returns, `select` the label matchers, `follow` the live tail. Everything
of the grammar that is not evaluated yet is refused by the parser with `UnsupportedError`, never answered wrongly.
"""
