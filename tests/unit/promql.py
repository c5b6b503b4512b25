"""What PromQL expressions use of the exposition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Expr, MatchOp, VectorSelector

GRAFANA_VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$instance": ".*"}


@dataclass(frozen=True)
class Selector:
    """A metric, and the label values that an expression compares with; a regular expression is taken apart at `|`."""

    metric: str
    values: Mapping[str, frozenset[str]]


def parse(expression: str) -> Expr:
    """The syntax tree, with Grafana's variables filled in. Raises ValueError where it is not PromQL."""
    for variable, value in GRAFANA_VARIABLES.items():
        expression = expression.replace(variable, value)
    return promql_parser.parse(expression)


def nodes(expression: Expr) -> list[Expr]:
    """All nodes of the tree."""
    matches: list[Expr] = []
    promql_parser.walk(expression, matches.append)
    return matches


def selectors(expression: Expr) -> Iterator[Selector]:
    """The metrics that it reads."""
    for node in nodes(expression):
        if isinstance(node, VectorSelector):
            values = {
                matcher.name: frozenset(
                    matcher.value.split("|") if matcher.op in (MatchOp.Re, MatchOp.NotRe) else [matcher.value]
                )
                for matcher in node.matchers.matchers
            }
            yield Selector(node.name or "", values)


def grouping_labels(expression: Expr) -> set[str]:
    """The labels that it groups by or matches series on."""
    matches: set[str] = set()
    for node in nodes(expression):
        if isinstance(node, AggregateExpr) and node.modifier:
            matches.update(node.modifier.labels)
        if isinstance(node, BinaryExpr) and node.modifier and node.modifier.matching:
            matches.update(node.modifier.matching.labels)
    return matches
