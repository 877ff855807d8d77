"""The parser: every construct, every refusal with its place, and texts of any kind."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsconductor.logql import syntax as ast
from opsconductor.logql.errors import ParseError, UnsupportedError
from opsconductor.logql.parser import parse
from opsconductor.model.errors import InputError
from opsconductor.model.labels import quote

MINUTE = 60_000_000_000
A = ast.LogQuery((ast.Matcher("a", ast.MatchOp.EQUAL, "b"),))
COUNT = ast.RangeAggregation("count_over_time", A, MINUTE)


def same(name: str, value: str) -> ast.StringFilter:
    return ast.StringFilter(ast.Matcher(name, ast.MatchOp.EQUAL, value))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('{a="b"}', A),
        ("{a=`b`, } ".replace(", ", ""), A),
        ('# note\n{a="b"} # more', A),
        ('({a="b"})', A),
        ('{a="\\"\\n\\u00e9"}', ast.LogQuery((ast.Matcher("a", ast.MatchOp.EQUAL, '"\né'),))),
        (
            '{a="b",c=~"d.*",e!="",f!~"g"}',
            ast.LogQuery(
                (
                    ast.Matcher("a", ast.MatchOp.EQUAL, "b"),
                    ast.Matcher("c", ast.MatchOp.REGEX, "d.*"),
                    ast.Matcher("e", ast.MatchOp.NOT_EQUAL, ""),
                    ast.Matcher("f", ast.MatchOp.NOT_REGEX, "g"),
                )
            ),
        ),
        (
            '{a="b"} |= "x" or `y` != "z" |~ "r+" !~ "s"',
            ast.LogQuery(
                A.matchers,
                (
                    ast.LineFilter("|=", ("x", "y")),
                    ast.LineFilter("!=", ("z",)),
                    ast.LineFilter("|~", ("r+",)),
                    ast.LineFilter("!~", ("s",)),
                ),
            ),
        ),
        (
            '{a="b"} | json | json x="y.z[0][\\"k\\"]", w',
            ast.LogQuery(
                A.matchers,
                (
                    ast.JsonStage(),
                    ast.JsonStage(
                        (ast.Extraction("x", 'y.z[0]["k"]', ("y", "z", 0, "k")), ast.Extraction("w", "w", ("w",)))
                    ),
                ),
            ),
        ),
        (
            '{a="b"} | logfmt --strict --keep-empty x="y"',
            ast.LogQuery(A.matchers, (ast.LogfmtStage(True, True, (ast.Extraction("x", "y", ("y",)),)),)),
        ),
        (
            '{a="b"} | drop x, y="z" | keep w',
            ast.LogQuery(
                A.matchers,
                (
                    ast.DropStage((ast.Target("x"), ast.Target("y", same("y", "z").matcher))),
                    ast.KeepStage((ast.Target("w"),)),
                ),
            ),
        ),
        ('count_over_time({a="b"}[1m])', COUNT),
        ('COUNT_OVER_TIME(({a="b"}[60s]))', COUNT),
        ('count_over_time(({a="b"})[1m])', COUNT),
        ('rate({a="b"}[1h30m] offset 2m)', ast.RangeAggregation("rate", A, 90 * MINUTE, 2 * MINUTE)),
        ('rate({a="b"}[1.5h] offset -2m)', ast.RangeAggregation("rate", A, 90 * MINUTE, -2 * MINUTE)),
        (
            'bytes_rate({a="b"}[1m] |= "x")',
            ast.RangeAggregation("bytes_rate", ast.LogQuery(A.matchers, (ast.LineFilter("|=", ("x",)),)), MINUTE),
        ),
        ('sum(count_over_time({a="b"}[1m]))', ast.VectorAggregation("sum", COUNT)),
        (
            'sum by (x, y) (count_over_time({a="b"}[1m]))',
            ast.VectorAggregation("sum", COUNT, ast.Grouping(False, ("x", "y"))),
        ),
        (
            'max(count_over_time({a="b"}[1m])) without (x)',
            ast.VectorAggregation("max", COUNT, ast.Grouping(True, ("x",))),
        ),
        ('topk(3, count_over_time({a="b"}[1m]))', ast.VectorAggregation("topk", COUNT, None, 3)),
        ("1 + 2 * 3 ^ 2", ast.NumberLiteral(19.0)),
        ("-1.5e3", ast.NumberLiteral(-1500.0)),
        ("2 ^ 3 ^ 2", ast.NumberLiteral(512.0)),
        ("1 == bool 1", ast.NumberLiteral(1.0)),
        (
            "vector(1)+vector(1)",
            ast.BinaryOperation("+", ast.VectorLiteral(1.0), ast.VectorLiteral(1.0)),
        ),
        (
            "vector(1) > bool on (x) vector(2)",
            ast.BinaryOperation(
                ">", ast.VectorLiteral(1.0), ast.VectorLiteral(2.0), True, ast.Matching(True, ("x",))
            ),
        ),
        (
            "vector(1) or vector(2) and vector(3)",
            ast.BinaryOperation(
                "or",
                ast.VectorLiteral(1.0),
                ast.BinaryOperation("and", ast.VectorLiteral(2.0), ast.VectorLiteral(3.0)),
            ),
        ),
        (
            '{rate="x", sum="y"}',
            ast.LogQuery((same("rate", "x").matcher, same("sum", "y").matcher)),
        ),
    ],
)
def test_parses(text: str, tree: ast.Expression) -> None:
    assert parse(text) == tree


def both(left: ast.LabelFilter, right: ast.LabelFilter) -> ast.FilterPair:
    return ast.FilterPair(True, left, right)


def either(left: ast.LabelFilter, right: ast.LabelFilter) -> ast.FilterPair:
    return ast.FilterPair(False, left, right)


def amount(name: str, op: ast.CompareOp, unit: ast.Unit, value: float, text: str) -> ast.AmountFilter:
    return ast.AmountFilter(name, op, unit, value, text)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('x="y"', same("x", "y")),
        ("x=5", amount("x", "==", "number", 5.0, "5")),
        ("x!=-5.5", amount("x", "!=", "number", -5.5, "-5.5")),
        ("x >= 250ms", amount("x", ">=", "duration", 250e6, "250ms")),
        ("x < 1d2h", amount("x", "<", "duration", 26 * 60 * MINUTE, "1d2h")),
        ("x > 2.5KiB", amount("x", ">", "bytes", 2560.0, "2.5KiB")),
        ("x <= 20MB", amount("x", "<=", "bytes", 20e6, "20MB")),
        ('x="1" or y="2" and z="3"', either(same("x", "1"), both(same("y", "2"), same("z", "3")))),
        ('(x="1" or y="2") and z="3"', both(either(same("x", "1"), same("y", "2")), same("z", "3"))),
        ('x="1" and y="2" or z="3"', either(both(same("x", "1"), same("y", "2")), same("z", "3"))),
        ('x="1" or y="2", z="3"', either(same("x", "1"), both(same("y", "2"), same("z", "3")))),
        ('x="1", y="2" or z="3"', both(same("x", "1"), either(same("y", "2"), same("z", "3")))),
        ('x="1" y="2"', both(same("x", "1"), same("y", "2"))),
    ],
)  # fmt: skip
def test_parses_label_filters(text: str, condition: ast.LabelFilter) -> None:
    assert parse('{a="b"} | ' + text) == ast.LogQuery(A.matchers, (ast.LabelFilterStage(condition),))


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "unexpected $end"),
        ("{a", 1, 3, "unexpected $end, expecting = or =~ or !~ or !="),
        ('{a="b"', 1, 7, "unexpected $end, expecting } or ,"),
        ('{a="b}', 1, 4, "literal not terminated"),
        ('{a="b",}', 1, 8, "unexpected }, expecting IDENTIFIER"),
        ('{a="\\q"}', 1, 4, "invalid char escape"),
        ('{a="b"}\n  foo', 2, 3, "unexpected IDENTIFIER"),
        ('{a="b"} |=', 1, 11, "expecting STRING or ip"),
        ('{a="b"} | json x=', 1, 18, "expecting STRING"),
        ('{a="b"} | x >', 1, 14, "unexpected $end"),
        ('{a="b"} | drop', 1, 15, "expecting IDENTIFIER"),
        ('rate({a="b"}[5x])', 1, 13, "not a valid duration string"),
        ('rate({a="b"}[5minutes])', 1, 13, 'unknown unit "minutes"'),
        ('rate({a="b"}[5)', 1, 13, "missing closing ']' in duration"),
        ('rate({a="b"})', 1, 13, "unexpected )"),
        ('rate({a="b"}[0s])', 1, 13, "longer than zero"),
        ("sum(rate(foo))", 1, 10, "expecting NUMBER or { or ("),
        ("sum by (rate({a=", 1, 9, "unexpected RATE, expecting IDENTIFIER or )"),
        ("vector(x)", 1, 8, "expecting NUMBER"),
        ("1 +", 1, 4, "unexpected $end"),
        ("1 2", 1, 3, "unexpected NUMBER"),
        ("€", 1, 1, "unexpected €"),
    ],
)
def test_refuses_with_the_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"parse error at line {line}, col {column}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "at least one regexp or equality matcher"),
        ('{a=~".*"}', "at least one regexp or equality matcher"),
        ('{a!="b"}', "at least one regexp or equality matcher"),
        ('{a=~"("}', "error parsing regexp: missing closing ): `(`"),
        ('{a="b"} |~ "["', "stage '|~ \"[\"' : error parsing regexp: missing closing ]: `[`"),
        ('{a="b"} | json x="y["', "cannot parse expression [y[]"),
        ('{a="b"} | logfmt x="y.z"', "unexpected char ."),
        ('{a="b"} | x > 0x10', "unable to parse literal as a float"),
        ('count_over_time({a="b"}[1m]) by (x)', "grouping not allowed"),
        ('topk(rate({a="b"}[1m]))', "parameter required"),
        ('topk(0, rate({a="b"}[1m]))', "must be greater than 0"),
        ('topk(1.5, rate({a="b"}[1m]))', "invalid parameter"),
        ('sum(1, rate({a="b"}[1m]))', "unsupported parameter"),
        ('sort(rate({a="b"}[1m])) by (x)', "doesn't allow grouping"),
        ('{a="b"} + 1', "unexpected type for left leg of binary operation (+)"),
        ("1 and vector(1)", "unexpected literal for left leg"),
        ('{a="b"} |= "' + "x" * 140_000 + '"', "input size too long"),
    ],
)
def test_refuses_what_means_nothing(text: str, words: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "construct", "column"),
    [
        ('{a="b"} | line_format "x"', "| line_format", 9),
        ('{a="b"} | label_format x=y', "| label_format", 9),
        ('{a="b"} | regexp "(?P<x>.)"', "| regexp", 9),
        ('{a="b"} | pattern "<x>"', "| pattern", 9),
        ('{a="b"} | unpack', "| unpack", 9),
        ('{a="b"} | decolorize', "| decolorize", 9),
        ('{a="b"} |> "<_>"', "|>", 9),
        ('{a="b"} !> "<_>"', "!>", 9),
        ('{a="b"} |= ip("10.0.0.0/8")', "|= ip()", 12),
        ('{a="b"} | addr = ip("10.0.0.0/8")', "ip()", 11),
        ('sum_over_time({a="b"} | unwrap x [1m])', "sum_over_time()", 1),
        ('rate({a="b"} | unwrap x [1m])', "| unwrap", 14),
        ('absent_over_time({a="b"}[1m])', "absent_over_time()", 1),
        ('approx_topk(1, rate({a="b"}[1m]))', "approx_topk()", 1),
        ('label_replace(rate({a="b"}[1m]), "x", "", "y", "")', "label_replace()", 1),
        ("vector(1) + on (x) group_left vector(1)", "+ group_left", 20),
    ],
)
def test_names_what_is_not_evaluated_yet(text: str, construct: str, column: int) -> None:
    with pytest.raises(UnsupportedError) as caught:
        parse(text)
    assert (caught.value.construct, caught.value.line, caught.value.column) == (construct, 1, column)
    assert str(caught.value) == f"cannot evaluate `{construct}`: not supported yet (line 1, col {column})"


def test_positions_are_kept() -> None:
    tree = parse('sum(\n  rate({a="b"} |= "x" [1m])\n)')
    assert isinstance(tree, ast.VectorAggregation)
    assert isinstance(tree.operand, ast.RangeAggregation)
    assert tree.operand.at == ast.Position(2, 3)
    stage = tree.operand.query.stages[0]
    assert isinstance(stage, ast.LineFilter)
    assert stage.at == ast.Position(2, 16)


@pytest.mark.parametrize("text", ["(" * 5_000, "{a=" * 5_000, "1+(" * 5_000, "sum(" * 5_000, '{a="b"}|(' * 5_000])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


FRAGMENTS = st.sampled_from(
    [
        *'(){}[],=|!<>+-*/%^~#"`\\ \n', '{a="b"}', "|=", "!~", "|>", "rate", "sum", "by", "[5m]", "offset", "json",
        "logfmt", "--strict", "5m", "20MB", "1e3", "0x1p3", "or", "and", "bool", "on", "x", "é", '"s"', "| x > 5",
        "ip(", "vector(1)", "topk(1,", "/*", "//", "$", "\x00", "\ud800",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(FRAGMENTS, max_size=25).map("".join)))
def test_no_text_breaks_it(text: str) -> None:
    try:
        parse(text)
    except (ParseError, UnsupportedError) as error:
        line = error.line
    else:
        line = 0
    assert line <= text.count("\n") + 1


@dataclass(frozen=True)
class Written:
    """A tree and one way to write it."""

    tree: ast.MetricExpression
    text: str


NAMES = st.sampled_from(["app", "level", "sum", "rate", "_x9"])
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
MATCHERS = st.builds(lambda name, value: ast.Matcher(name, ast.MatchOp.EQUAL, value), NAMES, VALUES)
NEEDLES = st.builds(
    lambda op, needles: ast.LineFilter(op, tuple(needles)),
    st.sampled_from(["|=", "!="]),
    st.lists(VALUES, min_size=1, max_size=3),
)


def write_query(query: ast.LogQuery) -> str:
    selector = ", ".join(f"{matcher.name}{matcher.op}{quote(matcher.value)}" for matcher in query.matchers)
    filters = [
        f"{stage.op} {' or '.join(map(quote, stage.needles))}"
        for stage in query.stages
        if isinstance(stage, ast.LineFilter)
    ]
    return " ".join([f"{{{selector}}}", *filters])


def write_range(op: ast.RangeOp, query: ast.LogQuery, minutes: int, offset: int) -> Written:
    tree = ast.RangeAggregation(op, query, minutes * MINUTE, offset * MINUTE)
    moved = f" offset {offset}m" if offset else ""
    return Written(tree, f"{op}({write_query(query)}[{minutes}m]{moved})")


QUERIES = st.builds(
    lambda matchers, stages: ast.LogQuery(tuple(matchers), tuple(stages)),
    st.lists(MATCHERS, min_size=1, max_size=3),
    st.lists(NEEDLES, max_size=3),
)
RANGES = st.builds(
    write_range,
    st.sampled_from(["count_over_time", "rate", "bytes_over_time", "bytes_rate"]),
    QUERIES,
    st.integers(1, 90),
    st.integers(-5, 5),
)


def write_aggregation(op: ast.VectorOp, grouping: ast.Grouping, after: bool, inner: Written) -> Written:
    words = f"{'without' if grouping.without else 'by'} ({', '.join(grouping.labels)})"
    text = f"{op}({inner.text}) {words}" if after else f"{op} {words} ({inner.text})"
    return Written(ast.VectorAggregation(op, inner.tree, grouping), text)


def write_operation(op: ast.BinaryOp, left: Written, right: Written) -> Written:
    return Written(ast.BinaryOperation(op, left.tree, right.tree), f"({left.text}) {op} ({right.text})")


EXPRESSIONS = st.recursive(
    RANGES,
    lambda inner: st.one_of(
        st.builds(
            write_aggregation,
            st.sampled_from(["sum", "avg", "min", "max", "count", "stddev"]),
            st.builds(ast.Grouping, st.booleans(), st.lists(NAMES, max_size=2).map(tuple)),
            st.booleans(),
            inner,
        ),
        st.builds(write_operation, st.sampled_from(["+", "/", "^", ">", "==", "and", "or", "unless"]), inner, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS)
def test_what_is_written_is_read(written: Written) -> None:
    assert parse(written.text) == written.tree
