# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO leaves the process as it found it, for signals above all."""

import subprocess
import sys

PROGRAM = """
import gc, signal, threading
from percast.engines.runtimes.choose import open_engine
from percast.engines.manifest import load_model

engines = [open_engine(load_model("base").encoder.path, "openvino", "fp32", 1)]

def close():
    engines.pop().close()
    gc.collect()

other = threading.Thread(target=close)
other.start()
other.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_is_survived_after_another_thread_has_closed_an_engine():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
