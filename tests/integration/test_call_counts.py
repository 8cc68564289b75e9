"""The number of Python calls that a hot request costs stays within its limit."""

from __future__ import annotations

import pytest

from tests.benchmarks.count_calls import LIMITS, count, without_web_server


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    """Return the calls of each request, without those of the web server."""
    return {name: without_web_server(calls) for name, calls in count(tries=3).items()}


@pytest.mark.parametrize("request_name", LIMITS)
def test_hot_request_costs_at_most_its_limit_of_calls(counts: dict[str, int], request_name: str) -> None:
    assert 10 < counts[request_name] <= LIMITS[request_name]
