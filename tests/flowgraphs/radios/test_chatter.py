# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers print is counted, and kept off stdout."""

import os
import subprocess
import sys

import pytest


PROGRAM = """
import logging, os, sys, time
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from percast.flowgraphs.radios.chatter import Chatter
print("before")
with Chatter() as chatter:
    for text in sys.argv[2:]:
        os.write(2, text.encode())
        os.write(1, b"noise\\n")
        time.sleep(0.05)
    print("within")
    time.sleep(0.1)
counts = chatter.counts(sys.argv[1])
print("after", counts["overruns"], counts["underruns"])
os.write(1, b"free\\n")
"""


@pytest.mark.parametrize(
    ("driver", "texts", "overruns", "underruns"),
    [
        ("gr-osmosdr", ["O", "O", "UU"], 2, 2),
        ("gr-osmosdr", ["OOOUsing HackRF One\n"], 3, 0),
        ("gr-osmosdr", ["Using HackRF One\nUHD Warning: x\nOpening\n[INFO] [UHD] OO\n"], 0, 0),
        ("gr-osmosdr", ["D", "[INFO] x\nO"], 2, 0),
        ("gr-osmosdr", ["Usrp_sink :error: x\n"], 0, 0),
        ("gr-soapy", ["OsO", "sOsO", "sUtG", "sT"], 3, 1),
    ],
)
def test_letters_are_counted_and_the_rest_does_not_reach_stdout(driver, texts, overruns, underruns):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, driver, *texts],
        capture_output=True, text=True, timeout=30, env=os.environ,
    )  # fmt: skip
    counts = [str(overruns), str(underruns)]
    assert done.stdout.split() == ["before", "within", "after", *counts, "free"], done.stderr
    assert "driver: noise" in done.stderr
