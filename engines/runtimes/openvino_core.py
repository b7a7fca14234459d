# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO, and its one core in this process.

The CPU plugin gives the thread that loads it a stack for signal handlers, and frees that stack with
the last core, whatever thread lets go of it: Ctrl-C would then end the process with a segmentation
fault (seen with OpenVINO 2026.4 and Python 3.11). So the core is never let go of.
"""

import sys

from percast.errors import ModelError

# `import openvino` would report itself to Google Analytics and wait for the network to do it.
sys.modules.setdefault("openvino_telemetry", None)

try:
    import openvino
except ImportError as error:
    raise ModelError(
        f"the openvino engine cannot be loaded ({error}): pip install openvino"
    ) from error

core = openvino.Core()
