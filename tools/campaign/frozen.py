# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down with the results, so that they can be understood and made again."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import percast
from percast.engines.manifest import load_model, sha256_of
from percast.engines.metrics.weights import NEEDED, find_weights
from percast.errors import ModelError
from percast.tools.campaign.plan import Plan

_PACKAGES = (
    "numpy", "scipy", "openvino", "onnxruntime", "pillow", "scikit-image", "imageio-ffmpeg", "av",
    "pyzmq", "dask", "distributed", "pyarrow",
)  # fmt: skip


def frozen(plan: Plan) -> dict[str, Any]:
    """By key of the table `frozen`; `device` is written when radios are open."""
    return {
        "plan": {"name": plan.name, "toml": plan.text, "parsed": plan.parsed},
        "percast_version": percast.__version__,
        "commit": commit(),
        "models": models_told(codec.model for codec in plan.codecs if codec.codec == "learned"),
        "metrics": weights_told(plan.campaign.metrics),
        "seeds": {
            "campaign": plan.campaign.seed,
            "channels": [plan.campaign.seed + r for r in range(plan.campaign.repeats)],
        },
        "libraries": libraries(),
        "device": None,
        "machine": _machine(),
        "clock": clock(),
        "note": plan.campaign.note,
        "command": command(),
    }


def changed(told: Mapping[str, Any], plan: Plan) -> str:
    """What is another version now than when a campaign began, in words; empty if nothing is.

    Args:
        told: what was frozen.
        plan: of the campaign.

    Raises:
        ModelError: a model is another one, or a metric's weights are: cells would not belong
            together.
    """
    now = frozen(plan)
    check_models(told, now["models"])
    _check_weights(told, now["metrics"])
    before, after = (
        {"percast": each["percast_version"], "commit": each["commit"], **each["libraries"]}
        for each in (told, now)
    )
    differ = [key for key in after if before.get(key) != after[key]]
    return ", ".join(f"{key} {_short(before.get(key))} -> {_short(after[key])}" for key in differ)


def check_models(told: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse models that are not what a campaign began with.

    Args:
        told: what was frozen.
        now: of `models_told`.

    Raises:
        ModelError: one is another: its cells would not belong together.
    """
    for name, model in now.items():
        if _computing(told["models"][name]) != _computing(model):
            raise ModelError(
                f"model '{name}' is not the one that this campaign began with (model id "
                f"{told['models'][name]['id']}): restore it, or begin another campaign"
            )


def _computing(model: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of a model's files but its card, in which a word may change."""
    return {name: sha for name, sha in model["sha256"].items() if not name.endswith(".md")}


def _check_weights(told: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in computed(told["metrics"]):
        if now[name] is None:
            raise ModelError(
                f"the weights of {name} are gone, which this campaign began with: get them back "
                f"with `percast eval fetch-weights --metrics {name}`"
            )
        if now[name] != told["metrics"][name]:
            raise ModelError(
                f"the weights of {name} are not those that this campaign began with: restore "
                "them, or begin another campaign"
            )


def computed(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of `weights_told` that can be computed. A campaign computes those that it could when it
    began, to its end, or a column would have holes."""
    return tuple(name for name, weights in metrics.items() if weights is not None)


def _short(version: Any) -> str:
    if isinstance(version, Mapping):  # a commit
        return version["sha"][:10] + (" with changes" if version["changed"] else "")
    return str(version)


def command() -> str:
    """This process's, as typed."""
    return shlex.join(["percast", *sys.argv[1:]])


def commit() -> dict[str, Any] | None:
    """Of the checkout that percast runs from; None where it is none."""
    root = Path(percast.__file__).resolve().parent
    try:
        sha = _git(root, "rev-parse", "HEAD")
        # Of the program: notes and results that lie beside it change nothing.
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"sha": sha, "changed": [line[3:] for line in changed.splitlines()]}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.rstrip()


def models_told(names: Iterable[str]) -> dict[str, Any]:
    """Ids and hashes of models, by their names.

    Raises:
        ModelError: one cannot be read.
    """
    models = {}
    for name in dict.fromkeys(names):
        model = load_model(name)
        files = sorted(path for path in model.folder.iterdir() if path.is_file())
        models[name] = {
            "id": model.id.hex(),
            "sha256": {path.name: sha256_of(path) for path in files},
        }
    return models


def weights_told(metrics: Iterable[str]) -> dict[str, dict[str, str] | None]:
    """Hashes of what metrics compute with, by their names; None where one cannot be computed."""
    return {name: _weights(name) for name in metrics}


def _weights(metric: str) -> dict[str, str] | None:
    """Hashes of what a metric computes with; None where it cannot."""
    if metric not in NEEDED:
        return {}
    found = find_weights(metric)
    return None if found is None else {path.name: sha256_of(path) for path in found}


def libraries() -> dict[str, str | None]:
    """Versions of what figures may depend on."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


def clock() -> dict[str, Any]:
    """What time it is, and whether a time server says so; None where systemd does not tell."""
    told = Path("/run/systemd/timesync")
    synchronised = (told / "synchronized").exists() if told.is_dir() else None
    return {"utc": datetime.now(UTC).isoformat(timespec="seconds"), "synchronised": synchronised}
