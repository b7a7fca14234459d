# SPDX-License-Identifier: GPL-3.0-or-later
"""What a campaign costs is measured; the figures themselves are never asserted."""

import json

from percast.tools.figures import campaign


def test_the_cost_of_a_cell_is_told_at_the_beginning_and_at_the_end(monkeypatch, capsys):
    costs = {"seconds_a_cell": 1.0, "processor_seconds_a_cell": 2.0}
    monkeypatch.setattr(campaign, "_cost", lambda path, workers, changes: costs)
    assert campaign.main(["--cells", "100"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["speed_up_of_two_workers"] == 1
    assert told["cheap"]["cells"] == 100
    assert 0 < told["cheap"]["milliseconds_a_cell_last_tenth"]


def test_a_cell_of_the_quick_plan_is_timed(tmp_path):
    small = ("pictures.frames=1", "pictures.size=64x64", "conditions.snr=10")
    cost = campaign._cost(tmp_path / "quick.sqlite", 1, small)
    assert min(cost.values()) > 0
