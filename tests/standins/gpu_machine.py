# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with the stand-in for a GPU (`tests.standins.gpu`) and all that TensorRT needs."""

import dataclasses
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import pytest

from percast.engines.runtimes.plan_cache import Key, PlanCache
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt import cuda
from percast.engines.runtimes.tensorrt import engine as runtime_tensorrt
from percast.engines.runtimes.tensorrt import package as tensorrt_package
from percast.engines.runtimes.tensorrt import plans as tensorrt_plans
from percast.engines.runtimes.tensorrt.nvidia import Gpu
from tests.standins.gpu import Cuda, Graph, Runtime

GPU = Gpu(0, "Stand-in 3000", "sm86")
OWN, PORTABLE = 0, 1
"""Plans for this GPU alone, and for others too."""

PROFILES = {"profiles": [dataclasses.asdict(profile) for profile in tensorrt_build.PROFILES]}


@pytest.fixture(params=[tensorrt_package.RTX, tensorrt_package.TENSORRT])
def gpu(request, monkeypatch, tmp_path) -> Iterator[Cuda]:
    """The GPU, beside pycuda, one of the packages and an empty cache. Its builder copies ONNX."""
    driver = Cuda()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget_the_driver()
    fake = package(request.param, driver)
    monkeypatch.setitem(sys.modules, "pycuda", SimpleNamespace(driver=driver))
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    for module in (cuda, tensorrt_plans):
        monkeypatch.setattr(module, "first_gpu", lambda: GPU)
    for module in (runtime_tensorrt, tensorrt_plans):
        monkeypatch.setattr(module, "for_this_machine", lambda gpu: fake)
    monkeypatch.setattr(tensorrt_plans, "missing", lambda: iter(()))
    monkeypatch.setattr(tensorrt_build, "build", lambda network, *_: network)
    monkeypatch.setattr(runtime_tensorrt, "CudaGraph", Graph)
    monkeypatch.setattr(Graph, "refused", False)
    Graph.alive = Graph.launches = 0
    yield driver
    forget_the_driver()


def forget_the_driver() -> None:
    cuda._driver.cache_clear()
    cuda._primary_context.cache_clear()


def package(name: str, driver: Cuda) -> tensorrt_package.Package:
    """What `percast.engines.runtimes.tensorrt.package.load` gives."""
    trt = SimpleNamespace(
        __version__="1.2.3",
        ILogger=type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0}),
        ComputeCapability=Enum("ComputeCapability", "SM86"),
        TensorIOMode=SimpleNamespace(INPUT="input", OUTPUT="output"),
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED=1),
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER=1),
    )
    trt.Runtime = lambda log: Runtime(trt, driver, tensorrt_build.PROFILES, log)
    return tensorrt_package.Package(name, trt)


def key(network: Path, which: int, precision: str = "fp16") -> Key:
    """Of a plan on this machine."""
    fake = runtime_tensorrt.for_this_machine(GPU)
    return tensorrt_plans.keys_here(network, fake, GPU, precision)[which]


def keep(network: Path, which: int, data: bytes, details: dict = PROFILES) -> None:
    """Puts a plan into the cache."""
    PlanCache().obtain(key(network, which), lambda: data, details, lambda plan: False)
