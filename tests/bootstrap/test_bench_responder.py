"""What `make bench` reads from `wrk`."""

import pytest

from tests.bench.responder import figures

_REPORT = """Running 5s test @ http://127.0.0.1:2189/csp/bin/mirror_status.cxw
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.22ms  478.12us   7.25ms   80.35%
    Req/Sec     8.78k   274.23     9.04k    94.00%
  Latency Distribution
     50%    1.12ms
     99%    2.41ms
  43925 requests in 5.03s, 3.77MB read
Requests/sec:   8736.81
"""


@pytest.mark.parametrize(("shown", "p99"), [("2.41ms", 2.41), ("950.00us", 0.95), ("1.50s", 1500)])
def test_the_figures_are_those_of_the_report(shown: str, p99: float) -> None:
    measured = figures(_REPORT.replace("2.41ms", shown), 13 * 2**20)
    assert measured.rounded() == {"requests_per_second": 8737, "p99_ms": p99, "memory_mib": 13}


@pytest.mark.parametrize(
    "more", ["  Non-2xx or 3xx responses: 1\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
)
def test_failures_are_no_figures(more: str) -> None:
    with pytest.raises(RuntimeError, match="did not answer every request"):
        figures(_REPORT + more, 0)


def test_half_a_report_is_none() -> None:
    with pytest.raises(RuntimeError, match="did not answer every request"):
        figures(_REPORT.replace("99%", "98%"), 0)
