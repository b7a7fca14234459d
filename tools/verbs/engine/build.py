# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build`: networks compiled or quantised, and kept in the cache."""

import argparse
import time
from collections.abc import Sequence

from percast.blocks.images import open_source, parse_size
from percast.engines.evaluation.bench import inputs_of
from percast.engines.manifest import Model, load_model
from percast.engines.runtimes.choose import open_engine
from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
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


def build_engines(args: argparse.Namespace) -> int:
    model = load_model(args.model)
    sizes = [parse_size(text)[::-1] for text in args.size]  # height, width
    int8 = args.precision == "int8"
    if args.pictures and not int8:
        raise UsageError("--pictures are for --precision int8")
    if args.size and int8:
        raise UsageError("int8 networks take any size: leave out --size")
    if args.engine == "tensorrt":
        built = _build_tensorrt(args, model, sizes)
    else:
        if args.target or args.portable:
            raise UsageError("--target and --portable are for --engine tensorrt")
        if int8:
            if args.engine != "openvino":
                raise UsageError("int8 networks are for --engine openvino")
            built = _quantise(args, model)
        else:
            built = _build_on_cpu(args, model, sizes or [(256, 256)])
    if args.json:
        report.print_json({"built": built})
    else:
        _print_built(built)
    return 0


def _build_tensorrt(
    args: argparse.Namespace, model: Model, sizes: Sequence[tuple[int, int]]
) -> list[dict]:
    package, targets = _package_and_targets(args)
    precision = tensorrt_plans.choose_precision(args.precision)
    profiles = profiles_for(sizes) if sizes else None
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


def _package_and_targets(args: argparse.Namespace) -> tuple[tensorrt_plans.Package, list[str]]:
    """What to build with, and for what.

    Raises:
        UsageError: flags that exclude each other, or no such target.
        ModelError: a package or a GPU is missing.
    """
    if args.target:
        if args.portable:
            raise UsageError("--portable and --target exclude each other")
        if not installed(RTX):
            raise ModelError(
                "building for another machine's GPU needs TensorRT-RTX, which is not installed: "
                + PIP[RTX]
            )
        package, targets = load(RTX), list(dict.fromkeys(args.target.lower().split(",")))
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
    if args.portable:
        if package.name != TENSORRT:
            raise UsageError(
                "--portable is for TensorRT; plans of TensorRT-RTX are for --target any"
            )
        return package, [tensorrt_plans.PORTABLE_TARGET]
    return package, [tensorrt_plans.target_for(package, gpu)]


def _build_on_cpu(
    args: argparse.Namespace, model: Model, sizes: Sequence[tuple[int, int]]
) -> list[dict]:
    """Compiles and runs once; these engines compile when they are opened and keep nothing."""
    built = []
    for role in ("encoder", "generator"):
        network = getattr(model, role)
        start = time.monotonic()
        with open_engine(network.path, args.engine, args.precision, args.threads) as engine:
            for height, width in sizes:
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


def _quantise(args: argparse.Namespace, model: Model) -> list[dict]:
    """Both networks in int8, calibrated on `--pictures` or on what scikit-image carries."""
    from percast.engines.export import quantise  # needs NNCF

    if args.pictures:
        with open_source(args.pictures, frames=quantise.CROPS) as given:
            pictures = [picture.rgb for picture in given]
    else:
        pictures = engine_pictures.to_calibrate()
    start = time.monotonic()
    cache, built = PlanCache(), []
    any_will_do = not args.pictures
    obtained = quantise.obtain(model, pictures, args.threads, cache, any_will_do)
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
