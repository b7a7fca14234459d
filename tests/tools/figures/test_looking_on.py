# SPDX-License-Identifier: GPL-3.0-or-later
"""What looking on costs, by the command that ships; `-m long` for an hour of it."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("websockets")


def bench(*argv: object, timeout: float = 230) -> dict:
    command = [sys.executable, "-m", "percast.tools.figures.looking_on", *map(str, argv), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_nothing_is_lost(result: dict) -> None:
    if result["samples lost plain"] or result["samples lost seen"]:
        pytest.skip("this machine is too busy to receive live")
    assert result["received seen"] == result["received plain"] == result["sent"] > 0
    assert result["headers lost seen"] == 0


@pytest.mark.long
@pytest.mark.timeout(240)
def test_twenty_clients_some_of_whom_never_read_lose_a_live_receiver_no_packet(photos):
    result = bench("cost", "--source", photos, "--size", "64x64", "--samp-rate", "200k",
                   "--seconds", 1, "--rounds", 1, "--clients", 20)  # fmt: skip
    nobody, one, many = result["rows"]
    assert (nobody["clients"], one["clients"], many["clients"]) == (0, 1, 20)
    assert nobody["messages"] == 0 < one["messages"] < many["messages"]
    assert all(row["plain, % of a core"] > 0 for row in result["rows"])
    check_nothing_is_lost(result)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("look", ["page", "zmq"])
def test_an_hour_with_a_client_keeps_memory_flat(photos, look):
    """PERCAST_SOAK_SECONDS makes it shorter."""
    seconds = float(os.environ.get("PERCAST_SOAK_SECONDS", "3600"))
    result = bench("soak", "--source", photos, "--size", "128x128", "--samp-rate", "500k",
                   "--seconds", seconds, "--look", look, timeout=seconds + 600)  # fmt: skip
    first, last = result["rows"][len(result["rows"]) // 2], result["rows"][-1]
    assert last["messages"] > first["messages"] > 0
    # What a leak of one small picture in a hundred would take, beside the allocator's noise.
    grown = {name: last[f"{name}, MB"] - first[f"{name}, MB"] for name in ("plain", "seen")}
    assert grown["seen"] - max(0, grown["plain"]) < 10, result
    assert result["received seen"] > 0
