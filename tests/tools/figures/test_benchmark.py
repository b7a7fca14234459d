# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks run and compare; what they measure is never asserted."""

from percast.tools.figures import benchmark
from percast.tools.figures.modems import run_percast, run_stock


def test_both_modems_receive_at_high_snr():
    ours, stock = run_percast(8, 25.0), run_stock(8, 25.0)
    assert ours.received == 8
    assert stock.received >= 6


def test_only_ours_receives_at_3_db():
    assert run_percast(8, 3.0).received == 8
    assert run_stock(8, 3.0).received == 0


def test_one_end_is_compared_with_numpy(capsys):
    assert benchmark.main(["waveform", "--samples", "30000", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("receives") == out.count("sends") == 6


def test_the_tables_are_printed(capsys):
    assert benchmark.main("modem --frames 2 --rounds 1 --snr 25".split()) == 0
    assert benchmark.main("loopback --frames 4 --sizes 64x64 --rounds 1 --share 2".split()) == 0
    assert benchmark.main(["soak", "--frames", "20"]) == 0
    out = capsys.readouterr().out
    assert "64x64" in out and "12/12" in out and "stock" in out and "growth" in out


def test_a_wrong_size_is_one_line(capsys):
    assert benchmark.main(["loopback", "--sizes", "1x1"]) == 2
    assert "percast:" in capsys.readouterr().err
