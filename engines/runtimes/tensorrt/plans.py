# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT plans by network, GPU and precision: found in the cache, or built and kept there."""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from percast.engines.manifest import sha256_of
from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt.build import ANY_TARGET, PROFILES, OnProgress, Profile
from percast.engines.runtimes.tensorrt.nvidia import Gpu, first_gpu
from percast.engines.runtimes.tensorrt.package import RTX, Package, for_this_machine, missing
from percast.errors import ModelError

PORTABLE_TARGET = "ampere+"
"""Of plans for any GPU from Ampere on, and for later versions of TensorRT."""


def choose_precision(asked: str) -> str:
    """The precision of TensorRT's plans for what the user asked; "auto" is fp16.

    Raises:
        ModelError: one that this engine does not have.
    """
    if asked == "auto":
        return tensorrt_build.PRECISIONS[0]
    if asked not in tensorrt_build.PRECISIONS:
        raise ModelError(
            f"tensorrt computes in {' or '.join(tensorrt_build.PRECISIONS)}, not in {asked}"
        )
    return asked


def target_for(package: Package, gpu: Gpu) -> str:
    """The target that plans for this very GPU have."""
    if package.name == RTX:
        return gpu.target if gpu.target in package.targets else ANY_TARGET
    return f"{gpu.target}-{re.sub(r'[^a-z0-9]+', '-', gpu.name.lower()).strip('-')}"


def key_for(network: Path, package: Package, target: str, precision: str) -> Key:
    """The cache's key of a plan. A portable one serves all versions of the same major number."""
    version = package.version
    if target == PORTABLE_TARGET:
        version = version.split(".")[0]
    return Key(sha256_of(network), package.name, version, target, precision, tensorrt_build.RECIPE)


def keys_here(network: Path, package: Package, gpu: Gpu, precision: str) -> tuple[Key, Key]:
    """Keys of the plans that run on a GPU: the one for it alone first, then the portable one."""
    targets = (target_for(package, gpu), PORTABLE_TARGET)
    return tuple(key_for(network, package, target, precision) for target in targets)


def device_name(package: Package, gpu: Gpu) -> str:
    """What a plan runs on, for people, and to remember where it was verified."""
    return f"{gpu.name} ({package.name} {package.version})"


def find_verified(network: Path, precision: str) -> tuple[Key, Plan]:
    """The plan that TensorRT is fit for use here with, without being asked for.

    Raises:
        ModelError: a GPU, its driver or a package is not here, or there is no plan whose results
            `percast engine verify` has found right on this GPU.
    """
    if lacking := [what for what, _ in missing()]:
        raise ModelError(f"there is no {' and no '.join(lacking)}")
    gpu, cache = first_gpu(), PlanCache()
    package = for_this_machine(gpu)
    for key in keys_here(network, package, gpu, choose_precision(precision)):
        plan = cache.find(key)
        if plan and plan.verified and plan.verified.get("device") == device_name(package, gpu):
            return key, plan
    raise ModelError("its results are not verified on this GPU yet (percast engine verify)")


def obtain(
    network: Path,
    package: Package,
    target: str,
    precision: str,
    profiles: Sequence[Profile] | None = None,
    on_progress: OnProgress = lambda share: None,
    cache: PlanCache | None = None,
    label: str = "",
    spoilt: Collection[str] = (),
) -> tuple[Key, Plan]:
    """A plan from the cache, or built now.

    Args:
        target: what `target_for` gives, one of the package's own, `ANY_TARGET` or
            `PORTABLE_TARGET`.
        profiles: that the plan must have; a cached one with any will do if not given.
        label: of the network, for people; its file's name if not given.
        spoilt: SHA-256 of plans that will not do, as they cannot be loaded here.

    Raises:
        UsageError: no such target.
        ModelError: the network cannot be read or built.
    """
    if not network.is_file():
        raise ModelError(f"no such network: {network}")
    wanted = profiles or PROFILES
    details = {
        "network": label or network.name,
        "profiles": [asdict(profile) for profile in wanted],
    }

    def build() -> bytes:
        return tensorrt_build.build(
            network.read_bytes(),
            package,
            precision,
            target if package.name == RTX else None,
            wanted,
            target == PORTABLE_TARGET,
            on_progress,
        )

    def fits(found: Plan) -> bool:
        usual = profiles is None or found.details.get("profiles") == _as_json(details["profiles"])
        return usual and found.sha256 not in spoilt

    key = key_for(network, package, target, precision)
    try:
        return key, (cache or PlanCache()).obtain(key, build, details, fits)
    except ModelError as error:
        raise ModelError(f"{network}: {error}") from error


def profiles_of(plan: Plan) -> tuple[Profile, ...]:
    """The profiles that a plan was built with, in the order of their numbers.

    Raises:
        ModelError: its manifest does not say.
    """
    try:
        return tuple(
            Profile(tuple(one["smallest"]), tuple(one["best"]), tuple(one["largest"]), one["batch"])
            for one in plan.details["profiles"]
        )
    except (KeyError, TypeError) as error:
        raise ModelError("the manifest of its plan does not tell the profiles") from error


def _as_json(profiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Profiles as they come back from JSON, which has lists for tuples."""
    return [
        {name: list(value) if isinstance(value, tuple) else value for name, value in each.items()}
        for each in profiles
    ]
