# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds on those who ask."""

import logging

from percast.tools.web.limits import Bucket, Complaints


def test_a_burst_is_allowed_and_then_so_many_a_second():
    now = [0.0]
    bucket = Bucket(rate=10, burst=5, now=lambda: now[0])
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    now[0] += 0.25
    assert [bucket.take() for _ in range(4)] == [True] * 2 + [False] * 2
    now[0] += 1e6
    assert sum(bucket.take() for _ in range(20)) == 5


def test_a_thousand_refusals_are_one_line_of_printable_text(caplog):
    complaints = Complaints("view")
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            complaints.add("malformed", "a\nb\x1b[31m" + "x" * 500)
        complaints.add("other")
    first, second = (record.getMessage() for record in caplog.records)
    assert complaints.counts == {"malformed": 1000, "other": 1}
    assert first.startswith("view: malformed, 1 so far: a?b?[31m") and len(first) < 200
    assert second == "view: other, 1 so far"
