# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime executes a network on this machine: the one asked for, or the best that is fit."""

import logging
from pathlib import Path

from percast.engines.runtimes import torch_verified
from percast.engines.runtimes.engine import CPU_ENGINES, ENGINES, PRECISIONS, Engine
from percast.errors import ModelError, UsageError

log = logging.getLogger(__name__)


def open_engine(
    onnx_path: str | Path, engine: str = "auto", precision: str = "auto", threads: int = 1
) -> Engine:
    """Compiles an ONNX network for this machine.

    Args:
        onnx_path: the network.
        engine: one of `ENGINES`, or "auto": TensorRT where all that it needs is here and `percast
            engine verify` has found its results right; else torch where it has a GPU and was
            verified on it; else the first of `CPU_ENGINES` that loads.
        precision: one of `PRECISIONS`; "auto" is fp16 on a GPU; on a CPU int8 where it was built
            and verified to be good and faster there, else bf16 where it is native, else fp32.
        threads: to compute with. One is best beside a live flow graph.

    Raises:
        UsageError: no such engine or precision, or no threads.
        ModelError: the engine is not here, cannot do the precision, or cannot read the network.
    """
    known = ("auto", *ENGINES)
    if engine not in known:
        raise UsageError(f"no engine '{engine}': use one of {', '.join(known)}")
    if precision not in PRECISIONS:
        raise UsageError(f"no precision '{precision}': use one of {', '.join(PRECISIONS)}")
    if threads < 1:
        raise UsageError(f"{threads} threads: an engine needs at least 1")
    path = Path(onnx_path)
    if not path.is_file():
        raise ModelError(f"no such network: {path}")
    if engine == "auto":
        opened, why = _open_best(path, precision, threads)
    else:
        opened, why = _load(engine)(path, precision, threads), "as asked"
    opened.reason = (
        f"{opened.name} {opened.precision} on {opened.device}, {threads} thread(s): {why}; "
        f"precision {_why_precision(precision, opened)}"
    )
    log.info("%s: %s", path.name, opened.reason)
    return opened


def _load(name: str) -> type[Engine]:
    """The engine's class. Imported only when used: a runtime costs up to a second and 100 MB."""
    if name == "tensorrt":
        from percast.engines.runtimes.tensorrt.engine import TensorRtEngine

        return TensorRtEngine
    if name == "openvino":
        from percast.engines.runtimes.openvino import OpenVinoEngine

        return OpenVinoEngine
    if name == "torch":
        from percast.engines.runtimes.torch import TorchEngine

        return TorchEngine
    from percast.engines.runtimes.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine


def _open_best(path: Path, precision: str, threads: int) -> tuple[Engine, str]:
    """TensorRT or torch on a GPU, if fit for use here, else the best of the CPU; and why."""
    from percast.engines.runtimes.tensorrt.plans import find_verified

    try:
        found = find_verified(path, precision)
        engine = _load("tensorrt")(path, precision, threads, found)
    except ModelError as error:  # a GPU may also be full, or lost
        lacking = f"no tensorrt, as {error}"
    else:
        return engine, "there is a GPU, and its results were verified"
    try:
        torch_verified.check(path, precision)
        engine = _load("torch")(path, precision, threads)
    except ModelError as error:
        lacking += f"; no torch on a GPU, as {error}" if str(error) else ""
    else:
        return engine, f"torch has a GPU, and its results were verified; {lacking}"
    runtime, why = _first_that_loads()
    return runtime(path, precision, threads), f"{why}; {lacking}"


def _first_that_loads() -> tuple[type[Engine], str]:
    failures = []
    for name in CPU_ENGINES:
        try:
            runtime = _load(name)
        except ModelError as error:
            failures.append(str(error))
        else:
            first = f"the first of {', '.join(CPU_ENGINES)} that loads"
            return runtime, "; ".join([first, *failures])
    raise ModelError("no engine can be loaded: " + "; ".join(failures))


def _why_precision(asked: str, engine: Engine) -> str:
    if asked != "auto":
        return "as asked"
    if engine.name == "tensorrt" or (engine.name, engine.precision) == ("torch", "fp16"):
        return "picked because GPUs are fastest in it"
    if engine.precision == "int8":
        return "picked because it was verified and is faster on this CPU"
    if engine.precision == "bf16":
        return "picked because this CPU computes bf16 natively"
    if engine.name == "torch":
        return "that of the reference"
    if engine.name == "onnxruntime":
        return "the only one of onnxruntime here"
    return "picked because this CPU has no native bf16"
