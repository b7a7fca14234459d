# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build`: networks compiled or quantised, and kept in the cache."""

import argparse
import time

from percast.blocks.images import open_source
from percast.engines.manifest import Model, load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
from percast.engines.runtimes.samples import inputs_of
from percast.engines.runtimes.tensorrt import plans as tensorrt_plans
from percast.engines.runtimes.tensorrt.build import check_target, profiles_for
from percast.engines.runtimes.tensorrt.nvidia import NoGpu, first_gpu
from percast.engines.runtimes.tensorrt.package import (
    PIP,
    RTX,
    TENSORRT,
    for_this_machine,
    installed,
    load,
)
from percast.errors import FileError, ModelError, UsageError
from percast.tools import report, terminal
from percast.tools.verbs.engine import pictures as engine_pictures
from percast.tools.verbs.engine.config import BuildConfig


def build_engines(args: argparse.Namespace) -> int:
    config = BuildConfig.from_args(args)
    model = load_model(config.model)
    if config.engine == "tensorrt":
        built = _build_tensorrt(config, model)
    elif config.precision == "int8":
        built = _quantise(config, model)
    else:
        built = _build_on_cpu(config, model)
    if args.json:
        report.print_json({"built": built})
    else:
        _print_built(built)
    return 0


def _build_tensorrt(config: BuildConfig, model: Model) -> list[dict]:
    package, targets = _package_and_targets(config)
    precision = tensorrt_plans.choose_precision(config.precision)
    profiles = profiles_for(config.size) if config.size else None
    cache, built = PlanCache(), []
    for target in targets:
        for role in ("encoder", "generator"):
            start = time.monotonic()
            with terminal.progress_bar(f"{role} {target} {precision}") as on_progress:
                key, plan = tensorrt_plans.obtain(
                    getattr(model, role).path,
                    package,
                    target,
                    precision,
                    profiles,
                    on_progress,
                    cache,
                    f"{model.name} {role}",
                )
            built.append(_kept(role, key, plan, cache, time.monotonic() - start))
    return built


def _package_and_targets(config: BuildConfig) -> tuple[tensorrt_plans.Package, list[str]]:
    """What to build with, and for what.

    Raises:
        UsageError: no such target, or not for this package.
        ModelError: a package or a GPU is missing.
    """
    if config.target:
        if not installed(RTX):
            raise ModelError(
                "building for another machine's GPU needs TensorRT-RTX, which is not installed: "
                + PIP[RTX]
            )
        package, targets = load(RTX), list(dict.fromkeys(config.target.lower().split(",")))
        for target in targets:
            check_target(package, target)
        return package, targets
    try:
        gpu = first_gpu()
    except NoGpu as error:
        raise ModelError(
            f"{error}: give --target sm86 (or another) to build ahead of time with TensorRT-RTX"
        ) from error
    package = for_this_machine(gpu)
    if config.portable:
        if package.name != TENSORRT:
            raise UsageError(
                "--portable is for TensorRT; plans of TensorRT-RTX are for --target any"
            )
        return package, [tensorrt_plans.PORTABLE_TARGET]
    return package, [tensorrt_plans.target_for(package, gpu)]


def _build_on_cpu(config: BuildConfig, model: Model) -> list[dict]:
    """Compiles and runs once; these engines compile when they are opened and keep nothing."""
    built = []
    for role in ("encoder", "generator"):
        network = getattr(model, role)
        start = time.monotonic()
        opened = open_engine(network.path, config.engine, config.precision, config.threads)
        with opened as engine:
            for height, width in config.size or [(256, 256)]:
                engine.run(inputs_of(network, height, width, 1))
            built.append(
                {
                    "network": role,
                    "runtime": engine.name,
                    "target": engine.device,
                    "precision": engine.precision,
                    "bytes": 0,
                    "seconds": round(time.monotonic() - start, 2),
                    "cached": False,
                    "path": None,
                }
            )
    return built


def _quantise(config: BuildConfig, model: Model) -> list[dict]:
    """Both networks in int8, calibrated on `--pictures` or on what scikit-image carries."""
    from percast.engines.export import quantise  # needs NNCF

    if config.pictures:
        with open_source(config.pictures, frames=quantise.CROPS) as given:
            pictures = [picture.rgb for picture in given]
    else:
        pictures = engine_pictures.to_calibrate()
    start = time.monotonic()
    cache, built = PlanCache(), []
    any_will_do = not config.pictures
    obtained = quantise.obtain(model, pictures, config.threads, cache, any_will_do)
    for role, (key, plan) in obtained.items():
        built.append(_kept(role, key, plan, cache, time.monotonic() - start))
    return built


def _kept(role: str, key: Key, plan: Plan, cache: PlanCache, seconds: float) -> dict:
    """What is told of an engine in the cache.

    Raises:
        FileError: it could not be put there.
    """
    if plan.problem:
        raise FileError(f"the engine was built but not kept: {plan.problem}")
    return {
        "network": role,
        "runtime": f"{key.runtime} {key.version}",
        "target": key.target,
        "precision": key.precision,
        "bytes": len(plan.data),
        "seconds": round(seconds, 2),
        "cached": not plan.fresh,
        "path": str(cache.folder / f"{key.stem}.plan"),
    }


def _print_built(built: list[dict]) -> None:
    for each in built:
        what = f"{each['network']:<10} {each['runtime']}, {each['precision']}, {each['target']}"
        if each["path"] is None:
            print(f"{what}: compiles and runs, {each['seconds']:.1f} s; this engine keeps no file")
        else:
            how = "was there" if each["cached"] else f"built in {each['seconds']:.1f} s"
            print(f"{what}: {each['bytes'] / 1e6:.1f} MB, {how}: {each['path']}")
