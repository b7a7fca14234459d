# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks in int8 in the user's cache, found by the ONNX file that they were made from.

`percast.engines.export.quantise` makes them; the OpenVINO engine runs them. `auto` may pick one
where `percast engine verify` found that it changes LPIPS little and is faster on this very machine.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from percast.engines.manifest import sha256_of
from percast.engines.runtimes.plan_cache import Key, PlanCache
from percast.errors import ModelError

RECIPE = 3
"""Of the code that quantises; count it up when that changes."""

MAX_LPIPS_CHANGE = 0.005
MIN_SPEED = 1.1
"""For `auto`: how much the mean LPIPS may change at any rate, and how much faster it must be."""

_GRAPH, _WEIGHTS = "network.xml", "network.bin"


def key_for(network: Path) -> Key:
    """The cache's key of an ONNX file's int8 network. It serves any CPU and later OpenVINO."""
    return Key(sha256_of(network), "openvino", "ir11", "cpu", "int8", RECIPE)


def pack(graph: bytes, weights: bytes) -> bytes:
    """OpenVINO's two files as one plan."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(_GRAPH, graph)
        archive.writestr(_WEIGHTS, weights)
    return packed.getvalue()


def load(network: Path) -> tuple[bytes, bytes, str]:
    """Graph and weights of the int8 network made from an ONNX file, and the plan's SHA-256.

    Raises:
        ModelError: there is none in the cache.
    """
    plan = PlanCache().find(key_for(network))
    if plan is None:
        raise ModelError(
            f"there is no int8 network of {network} yet: pip install 'percast[int8]' and "
            "percast engine build --engine openvino --precision int8"
        )
    with zipfile.ZipFile(io.BytesIO(plan.data)) as archive:
        return archive.read(_GRAPH), archive.read(_WEIGHTS), plan.sha256


def mark_verified(network: Path, sha256: str, result: Mapping[str, Any]) -> None:
    """Remembers what `percast engine verify` found of an ONNX file's int8 network.

    Args:
        sha256: what `load` gave.
        result: with "lpips_change", the largest at any rate or None; "speed" over what `auto`
            would pick without int8; and the "device" that it was measured on, with the "version"
            of OpenVINO.

    Raises:
        FileError: the cache cannot be written, or has another int8 network by now.
    """
    PlanCache().mark_verified(key_for(network), sha256, result)


def pays(network: Path, device: str, version: str) -> bool:
    """Whether an ONNX file's int8 network was verified to be good, and faster on this device with
    this version of OpenVINO.
    """
    cache = PlanCache()
    if not any(cache.folder.glob("openvino-cpu-int8-*")):  # hashing the network takes a while
        return False
    plan = cache.find(key_for(network))
    result = plan.verified if plan and plan.verified else {}
    change, speed = result.get("lpips_change"), result.get("speed")
    return (
        (result.get("device"), result.get("version")) == (device, version)
        and isinstance(change, float)
        and abs(change) <= MAX_LPIPS_CHANGE
        and isinstance(speed, float)
        and speed >= MIN_SPEED
    )
