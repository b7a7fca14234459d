# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/waveform.md are printed; what they measure is never asserted."""

import pytest

from percast.tools.figures import waveform


@pytest.fixture
def small(monkeypatch):
    """One channel, pictures and measurements as small as they go."""
    monkeypatch.setattr(waveform, "CHANNELS", {"AWGN": waveform.CHANNELS["AWGN"]})
    monkeypatch.setattr(waveform, "SMALL", 1000)
    monkeypatch.setattr(waveform, "LARGE", 500)
    monkeypatch.setattr(waveform, "_LOSS_SYMBOLS", 4000)
    monkeypatch.setattr(waveform, "_SPEED_SAMPLES", 20_000)


@pytest.mark.parametrize(
    ("only", "rows"),
    [("overhead", 10), ("spectrum", 8), ("sensitivity", 4), ("loss", 8), ("speed", 8)],
)
def test_each_table_of_the_docs_is_printed(small, capsys, only, rows):
    waveform.main(["--only", only, "--pictures", "3", "--rounds", "1"])
    head, line, *body = capsys.readouterr().out.strip().splitlines()
    assert set(line) <= set("| -") and len(body) >= rows
    assert all(row.count("|") == head.count("|") and "nan" not in row for row in body)
