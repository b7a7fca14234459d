# SPDX-License-Identifier: GPL-3.0-or-later
"""What `percast eval` is expected to give for the shipped model. To write it down anew, after new
weights or a change that is meant to change figures:

    .venv/bin/python -m tests.tools.verbs.expected_eval

Metrics whose weights are not here are kept as they were, if they were measured for this model.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).with_suffix(".json")
COMMAND = ".venv/bin/python -m tests.tools.verbs.expected_eval"
METRICS = ("psnr", "ms-ssim", "lpips", "lpips-vgg", "dists")
# fp32, which every processor computes alike; bf16 differs by more than these tests allow.
_ALWAYS = ("--engine", "openvino", "--precision", "fp32", "--seed", "1", "--json")
OPTIONS = {
    "points": (
        "--cbr", "1/96,1/48", "--snr", "1,10", "--realism", "0,1", "--metrics", ",".join(METRICS),
        *_ALWAYS,
    ),
    "waveform": (
        "--waveform", "--channel", "tdl-c", "--snr", "10", "--metrics", "psnr,lpips", *_ALWAYS,
    ),
    "fid": ("--cbr", "1/48", "--snr", "10", "--metrics", "fid", *_ALWAYS),
}  # fmt: skip
"""Of the command, by what the file calls its points."""


def write_pictures(folder: Path, points: str) -> None:
    """Two crops of photographs that scikit-image carries: 168x161, but for FID 256x256."""
    import skimage.data

    height, width = (256, 256) if points == "fid" else (161, 168)
    for name, y, x in (("astronaut", 0, 130), ("coffee", 130, 180)):
        rgb = getattr(skimage.data, name)()[y : y + height, x : x + width]
        Image.fromarray(np.ascontiguousarray(rgb)).save(folder / f"{name}.png")


def main() -> None:
    before = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept: dict = {}
    for name, options in OPTIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            write_pictures(Path(folder), name)
            done = subprocess.run(
                [sys.executable, "-m", "percast.tools.cli", "eval", "--source", folder, *options],
                check=True,
                stdout=subprocess.PIPE,
            )
        result = json.loads(done.stdout)
        kept |= {"model": result["model"], "model_id": result["model_id"]}
        known = before.get(name) if before.get("model_id") == kept["model_id"] else None
        kept[name] = _merged(result["points"], known)
    FILE.write_text(json.dumps(kept, indent=1) + "\n")
    print(f"{FILE}: model {kept['model_id']}")


def _merged(points: list[dict], known: list[dict] | None) -> list[dict]:
    """Points without their times, with what is known of figures that could not be had."""
    for index, point in enumerate(points):
        for key in ("encode_ms", "decode_ms"):
            del point[key]
        for key, value in (known[index] if known else {}).items():
            point[key] = value if point[key] is None else point[key]
    return points


if __name__ == "__main__":
    main()
