# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT plans made ready to run on the GPU here, and what TensorRT-RTX compiles for them there.

All is done with the GPU's context current.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from percast.engines.runtimes.plan_cache import Key, Plan, PlanCache
from percast.engines.runtimes.tensorrt import plans as tensorrt_plans
from percast.engines.runtimes.tensorrt.build import Profile
from percast.engines.runtimes.tensorrt.nvidia import Gpu
from percast.engines.runtimes.tensorrt.package import RTX, Package
from percast.errors import FileError, ModelError

log = logging.getLogger(__name__)

_COMPILED = ".jit"  # kernels that TensorRT-RTX compiled on this GPU, beside the plan


@dataclass(frozen=True)
class Loaded:
    """A plan in TensorRT's hands.

    Attributes:
        key, sha256: of the plan.
        profiles: by number.
        engine: TensorRT's; it uses `runtime`.
    """

    key: Key
    sha256: str
    profiles: Sequence[Profile]
    engine: Any
    runtime: Any


def load(package: Package, key: Key, plan: Plan) -> Loaded:
    """Loads a plan.

    Raises:
        ModelError: TensorRT refuses, as it does plans of later versions; or its manifest is
            damaged.
    """
    profiles = tensorrt_plans.profiles_of(plan)
    runtime = package.make("Runtime")
    # Portable plans bring code of their own; it comes from this user's cache.
    runtime.engine_host_code_allowed = key.target == tensorrt_plans.PORTABLE_TARGET
    engine = runtime.deserialize_cuda_engine(plan.data)
    if engine is None:
        raise ModelError(f"{package.name} cannot load its plan {key.stem}: {package.complaint()}")
    return Loaded(key, plan.sha256, profiles, engine, runtime)


def find_or_build(
    network: Path, package: Package, gpu: Gpu, precision: str, cache: PlanCache
) -> Loaded:
    """Loads the plan for this GPU, or a portable one that is there; else builds the former.

    Plans that cannot be loaded are passed over.

    Raises:
        ModelError: there is no such network, or it cannot be built or loaded.
    """
    if not network.is_file():
        raise ModelError(f"no such network: {network}")
    spoilt = set()
    for key in tensorrt_plans.keys_here(network, package, gpu, precision):
        if plan := cache.find(key):
            try:
                return load(package, key, plan)
            except ModelError as error:
                log.warning("the cached engine is not used: %s", error)
                spoilt.add(plan.sha256)
    log.warning("compiling %s for %s: this is done once", network.name, gpu.name)
    target = tensorrt_plans.target_for(package, gpu)
    key, plan = tensorrt_plans.obtain(
        network, package, target, precision, cache=cache, spoilt=spoilt
    )
    if plan.problem:
        log.warning("the engine is not kept: %s", plan.problem)
    try:
        return load(package, key, plan)
    except ModelError as error:
        raise ModelError(f"{error}; use --engine openvino") from error


def runtime_config(package: Package, loaded: Loaded, cache: PlanCache) -> Any:
    """What execution contexts are made with: they get their memory from the caller."""
    trt, engine = package.trt, loaded.engine
    strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    if not hasattr(engine, "create_runtime_config"):  # older versions
        return strategy
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(strategy)
    if package.name == RTX:
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        # Kernels for a size are compiled when it first comes, not some time later.
        config.dynamic_shapes_kernel_specialization_strategy = (
            trt.DynamicShapesKernelSpecializationStrategy.EAGER
        )
        compiled = config.create_runtime_cache()
        if (kept := cache.blob(loaded.key, _COMPILED)) is not None:
            compiled.deserialize(kept)  # refuses what is of another driver or version, or damaged
        config.set_runtime_cache(compiled)
    return config


def keep_compiled(config: Any, loaded: Loaded, cache: PlanCache) -> None:
    """Keeps the kernels that TensorRT-RTX compiled: the next start then needs no compiler."""
    compiled = getattr(config, "get_runtime_cache", lambda: None)()
    serialised = None if compiled is None else compiled.serialize()
    if serialised is None:
        return
    try:
        if (data := bytes(serialised)) != cache.blob(loaded.key, _COMPILED):
            cache.store_blob(loaded.key, _COMPILED, data)
    except FileError as error:
        log.info("compiled kernels are not kept: %s", error)
