# SPDX-License-Identifier: GPL-3.0-or-later
"""The two packages that share TensorRT's API: `tensorrt`, and `tensorrt_rtx` for RTX GPUs.

TensorRT-RTX compiles ahead of time for a compute capability, on any machine, and finishes the
plan on the GPU that runs it; TensorRT compiles on the GPU that the plan is for.
"""

import functools
import importlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from percast.engines.runtimes.tensorrt.nvidia import Gpu, NoGpu, first_gpu
from percast.errors import ModelError, one_line

TENSORRT, RTX = "tensorrt", "tensorrt_rtx"

PIP = {
    TENSORRT: "pip install tensorrt",
    RTX: "pip install tensorrt-rtx",
    "pycuda": "pip install pycuda (it compiles against the CUDA toolkit)",
    "onnx": "pip install onnx",
}
"""The line that brings a package."""

# `tensorrt_rtx` only names what `tensorrt_rtx_bindings` holds, and is not always installed.
_MODULES = {TENSORRT: ("tensorrt",), RTX: ("tensorrt_rtx", "tensorrt_rtx_bindings")}


class Package:
    """An imported TensorRT.

    Attributes:
        name: `TENSORRT` or `RTX`.
        trt: the module.
        version: of the package.
        log: TensorRT's logger; it keeps errors for `complaint`.
    """

    def __init__(self, name: str, module: ModuleType):
        self.name = name
        self.trt = module
        self.version: str = module.__version__
        self._errors: list[str] = []
        self.log = _logger(module, self._errors)

    @property
    def targets(self) -> tuple[str, ...]:
        """Compute capabilities that plans can be built for without their GPU."""
        capabilities = getattr(self.trt, "ComputeCapability", None)
        names = capabilities.__members__ if capabilities else ()
        return tuple(name.lower() for name in names if name.startswith("SM"))

    def serves(self, target: str) -> bool:
        """Whether plans of this package run on GPUs of a compute capability, such as "sm86".

        TensorRT-RTX serves those in its list, and one plan for any target serves later ones too.
        It refuses what lies between, such as Hopper's sm90, only when it loads a plan.
        """
        if self.name != RTX or not self.targets:
            return True
        return target in self.targets or _number(target) > max(map(_number, self.targets))

    def refusal(self, gpu: Gpu) -> str:
        """Why plans of this package do not run on a GPU, and what does; empty where they do."""
        if self.serves(gpu.target):
            return ""
        return (
            f"{self.name} {self.version} does not run on {gpu.name} ({gpu.target}; it knows "
            f"{', '.join(self.targets)} and later ones): {PIP[TENSORRT]}"
        )

    def make(self, kind: str) -> Any:
        """TensorRT's "Builder" or "Runtime".

        Raises:
            ModelError: the driver is too old for this version, or the GPU cannot be used.
        """
        self.forget()
        try:
            made = getattr(self.trt, kind)(self.log)
        except TypeError:  # so the bindings tell of a null pointer
            made = None
        if made is None:
            raise ModelError(
                f"{self.name} {self.version} does not work here ({self.complaint()}): "
                "update the NVIDIA driver"
            )
        return made

    def forget(self) -> None:
        """Drops the errors so far."""
        self._errors.clear()

    def complaint(self) -> str:
        """The first error since `forget`, on one line: later ones only follow from it."""
        return self._errors[0] if self._errors else "it does not say why"


def _number(target: str) -> int:
    """Of a compute capability: 86 of "sm86"."""
    return int(target.removeprefix("sm"))


def _logger(trt: ModuleType, errors: list[str]):
    class Log(trt.ILogger):
        def log(self, severity, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                errors.append(one_line(message, 300))

    return Log()


@functools.cache
def load(name: str) -> Package:
    """Imports a package; this costs up to a second and 200 MB.

    Raises:
        ModelError: it is not here, or is broken.
    """
    reason = "not installed"
    for module in _MODULES[name]:
        if importlib.util.find_spec(module) is None:
            continue
        try:
            return Package(name, importlib.import_module(module))
        except Exception as error:  # a broken package may raise anything
            reason = f"{type(error).__name__}: {error}"
    raise ModelError(f"{name} cannot be loaded ({reason}): {PIP[name]}")


def installed(name: str) -> bool:
    """Whether a package is there, without importing it."""
    return any(
        importlib.util.find_spec(module) is not None for module in _MODULES.get(name, (name,))
    )


def gpu_hint(error: NoGpu) -> str:
    """What to do where there is no usable GPU."""
    remedy = ""
    if "driver" in str(error):
        remedy = "; if there is a GPU: apt install nvidia-driver (Debian's non-free) and restart"
    return f"{error}: engines run on the CPU{remedy}"


def missing() -> Iterator[tuple[str, str]]:
    """What TensorRT lacks on this machine: (piece, what to do), the most basic first."""
    gpu = None
    try:
        gpu = first_gpu()
    except NoGpu as error:
        piece = "NVIDIA driver" if "driver" in str(error) else "NVIDIA GPU"
        yield piece, gpu_hint(error)
    if not installed(TENSORRT) and not installed(RTX):
        yield "tensorrt", f"{PIP[TENSORRT]}; for RTX GPUs, and plans without a GPU: {PIP[RTX]}"
    elif gpu and not installed(TENSORRT) and (why := _rtx_refusal(gpu)):
        yield f"{TENSORRT}, which {gpu.target} needs ({PIP[TENSORRT]}; {RTX} will not do)", why
    for package in ("pycuda", "onnx"):
        if not installed(package):
            yield package, PIP[package]


def _rtx_refusal(gpu: Gpu) -> str:
    try:
        return load(RTX).refusal(gpu)
    except ModelError:  # broken: whoever opens it is told
        return ""


def for_this_machine(gpu: Gpu) -> Package:
    """The package that runs on the GPU here: TensorRT, or else TensorRT-RTX.

    Raises:
        ModelError: neither can be loaded, or TensorRT-RTX alone is here and does not run on it.
    """
    if installed(TENSORRT) or not installed(RTX):
        try:
            return load(TENSORRT)
        except ModelError:
            if not installed(RTX):
                raise
    package = load(RTX)
    if why := package.refusal(gpu):
        raise ModelError(why)
    return package
