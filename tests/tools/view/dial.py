# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the dial takes, from the click to the picture at the page, beside what the codec itself
takes for that picture in the same run:

    python -m tests.tools.view.dial FOLDER [TURNS] [OPTION OF loopback]...
"""

import json
import sys
import time

import numpy as np
from websockets.sync import client

from tests.tools.view.links import running, unpack


def main(folder: str, turns: str = "60", *more: str) -> None:
    argv = ("loopback", "--source", folder, "--frames", 0, "--view-port", 0, *more)
    with running(*argv) as link:
        link.wait_for_more(3)
        with client.connect(f"ws://127.0.0.1:{link.port}/ws", max_size=1 << 24) as ws:
            rows = np.array([turn(ws, number) for number in range(int(turns))])
        link.end()
    click, waited, decoding = rows.T
    for name, values in (
        ("click to picture, ms", click),
        ("of that in the codec, ms", decoding),
        ("of that waiting for the codec, ms", waited),
        ("rest, ms", click - decoding - waited),
        ("click to picture over codec", click / decoding),
    ):
        p50, p90, worst = np.percentile(values, (50, 90, 100))
        print(f"{name:34} median {p50:7.1f}   90% {p90:7.1f}   worst {worst:7.1f}")


def turn(ws, number: int) -> tuple[float, float, float]:
    """Turn the dial once; milliseconds until the picture is here, waiting, and in the codec."""
    value = number % 20 / 20 + 0.001 * (number // 20)
    began = time.monotonic()
    ws.send(json.dumps({"do": "realism", "value": value}))
    while True:
        data = ws.recv(timeout=60)
        if isinstance(data, bytes):
            head, _ = unpack(data)
            if head["again"] and head["realism"] == value:
                break
    took = 1e3 * (time.monotonic() - began)
    time.sleep(0.1)  # as a hand does
    return took, head.get("waited_ms", np.nan), head.get("decoding_ms", np.nan)


if __name__ == "__main__":
    main(*sys.argv[1:])
