# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds TensorRT plans from ONNX, with a profile for every size of picture.

Networks are strongly typed: the ONNX file itself says what is computed in fp16. A plan takes
pictures of 64 to 2160 pixels a side; each of its profiles is tuned for one size among those it
covers.
"""

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from percast.engines.runtimes.tensorrt.package import RTX, Package
from percast.errors import ModelError, UsageError, one_line

ANY_TARGET = "any"
"""All compute capabilities that one plan of TensorRT-RTX can serve: those that it knows from sm80
on, and later ones."""

PRECISIONS = ("fp16", "fp32")

RECIPE = 1
"""To be raised with every change of this module that changes plans: cached ones are then stale."""

_LONGEST_PHASE = "Computing profile costs"  # steps of about equal length, some for each profile

_MIN_SIDE, _MAX_SIDE = 64, 2160  # of `percast.engines.codecs.contract`, in whole blocks
_STRIDE = {"image": 1}  # pixels per position of an input; all others lie on the latent's grid
_LATENT_STRIDE = 16

OnProgress = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1, from any thread."""


@dataclass(frozen=True)
class Profile:
    """Sizes that one profile of a plan takes, and the one that it is tuned for.

    Attributes:
        smallest, best, largest: (height, width) in pixels, multiples of 16.
        batch: most pictures at once; tuned for one.
    """

    smallest: tuple[int, int]
    best: tuple[int, int]
    largest: tuple[int, int]
    batch: int

    def takes(self, height: int, width: int) -> bool:
        low, high = self.smallest, self.largest
        return low[0] <= height <= high[0] and low[1] <= width <= high[1]


def _up_to(side: int, best: tuple[int, int], batch: int) -> Profile:
    return Profile((_MIN_SIDE, _MIN_SIDE), best, (side, side), batch)


PROFILES = (
    _up_to(512, (256, 256), 8),
    _up_to(1024, (512, 768), 8),
    _up_to(_MAX_SIDE, (1088, 1920), 2),
)
"""Of every plan; the first one that takes a picture serves it."""


def profiles_for(sizes: Sequence[tuple[int, int]] = ()) -> tuple[Profile, ...]:
    """`PROFILES`, and before them one for each of the given sizes alone.

    Args:
        sizes: (height, width) in pixels; rounded up to whole blocks, as pictures are padded.

    Raises:
        UsageError: a side is too small or too large.
    """
    exact = []
    for height, width in sizes:
        if not _MIN_SIDE <= min(height, width) <= max(height, width) <= _MAX_SIDE:
            raise UsageError(
                f"no engine for {width}x{height}: sides have {_MIN_SIDE} to {_MAX_SIDE} pixels"
            )
        padded = (
            -(-height // _LATENT_STRIDE) * _LATENT_STRIDE,
            -(-width // _LATENT_STRIDE) * _LATENT_STRIDE,
        )
        batch = next(profile.batch for profile in PROFILES if profile.takes(*padded))
        exact.append(Profile(padded, padded, padded, batch))
    return (*dict.fromkeys(exact), *PROFILES)


def size_of(shapes: dict[str, tuple[int, ...]]) -> tuple[int, int]:
    """(height, width) in pixels of the pictures that a network's inputs are of."""
    name, shape = next((name, shape) for name, shape in shapes.items() if len(shape) == 4)
    stride = _STRIDE.get(name, _LATENT_STRIDE)
    return shape[2] * stride, shape[3] * stride


def check_target(package: Package, target: str) -> None:
    """Whether a plan for this target can be built without its GPU.

    Raises:
        UsageError: no such target.
        ModelError: this package builds only on the GPU itself.
    """
    if package.name != RTX:
        raise ModelError(
            f"{package.name} builds only on the GPU that the plan is for: leave out --target, "
            "or build ahead of time with TensorRT-RTX (pip install tensorrt-rtx)"
        )
    known = (*package.targets, ANY_TARGET)
    if target not in known:
        if re.fullmatch(r"sm\d+", target) and not package.serves(target):
            raise UsageError(
                f"{package.name} {package.version} has no plans for {target}, nor do those for "
                f"'{ANY_TARGET}' run there: its GPUs need TensorRT, which builds on the GPU itself "
                f"(pip install tensorrt); targets here are {', '.join(known)}"
            )
        raise UsageError(
            f"no target '{target}' in {package.name} {package.version}: use one of "
            f"{', '.join(known)}"
        )


def build(
    network: bytes,
    package: Package,
    precision: str,
    target: str | None = None,
    profiles: Sequence[Profile] = PROFILES,
    portable: bool = False,
    on_progress: OnProgress = lambda share: None,
) -> bytes:
    """Compiles an ONNX network.

    Args:
        network: the ONNX file, in fp32.
        precision: one of `PRECISIONS`. fp32 is that, without TF32's shorter products.
        target: what `check_target` takes; None for the GPU here, with TensorRT.
        portable: for later versions of TensorRT and for other GPUs from Ampere on, where the
            package can; slower. Plans of TensorRT-RTX are for a capability, not for a GPU, anyway.
        on_progress: told how far the build is.

    Raises:
        UsageError: no such target.
        ModelError: TensorRT cannot read the network, or cannot build it.
        KeyboardInterrupt: Ctrl-C, a step of the build later.
    """
    if target is not None:
        check_target(package, target)
    if precision == "fp16":
        from percast.engines.runtimes.tensorrt.fp16 import to_fp16

        network = to_fp16(network)
    trt = package.trt
    builder = package.make("Builder")
    definition = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(definition, package.log)
    with _interrupts_held() as interrupted:
        if not parser.parse(network):
            why = _parse_error(parser, package)
            raise ModelError(f"{package.name} cannot read the network: {why}")
        config = _configure(builder, package, target, portable)
        for profile in profiles:
            config.add_optimization_profile(_describe(builder, definition, profile))
        monitor = _monitor(trt, on_progress, interrupted)
        config.progress_monitor = monitor
        plan = builder.build_serialized_network(definition, config)
    if interrupted.is_set():
        raise KeyboardInterrupt
    if plan is None:
        hint = "; try --precision fp16" if "FP32 GEMM" in package.complaint() else ""
        raise ModelError(f"{package.name} cannot build the network: {package.complaint()}{hint}")
    on_progress(1.0)
    return bytes(plan)


def _strongly_typed(trt: Any) -> int:
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)  # later versions know no other networks


def _configure(builder: Any, package: Package, target: str | None, portable: bool) -> Any:
    trt, config = package.trt, builder.create_builder_config()
    flags = trt.BuilderFlag
    config.clear_flag(flags.TF32)
    if target not in (None, ANY_TARGET):
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), 0)
    if package.name == RTX:
        # The runtime here gives the memory; without this CUDA graphs cannot be relied on.
        config.set_flag(flags.REQUIRE_USER_ALLOCATION)
    elif portable:
        config.set_flag(flags.VERSION_COMPATIBLE)
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    return config


def _describe(builder: Any, definition: Any, profile: Profile) -> Any:
    """The profile in TensorRT's words: shapes of every input."""
    described = builder.create_optimization_profile()
    for i in range(definition.num_inputs):
        port = definition.get_input(i)
        stride = _STRIDE.get(port.name, _LATENT_STRIDE)
        shapes = []
        for batch, (height, width) in (
            (1, profile.smallest),
            (1, profile.best),
            (profile.batch, profile.largest),
        ):
            fixed = tuple(port.shape)[1:2]
            sides = (height // stride, width // stride) if len(port.shape) == 4 else ()
            shapes.append((batch, *fixed, *sides))
        described.set_shape(port.name, *shapes)
    return described


def _parse_error(parser: Any, package: Package) -> str:
    if parser.num_errors:
        return one_line(parser.get_error(0).desc(), 300)
    return package.complaint()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[threading.Event]:
    """Ctrl-C as an event: TensorRT goes on after an exception in what it calls back."""
    interrupted = threading.Event()
    if (
        threading.current_thread() is not threading.main_thread()  # signals come to that one
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield interrupted
        return
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _monitor(trt: Any, on_progress: OnProgress, interrupted: threading.Event) -> Any:
    class Monitor(trt.IProgressMonitor):
        """Phases lie within phases; this follows the one that takes nearly all the time."""

        def __init__(self) -> None:
            super().__init__()
            self._steps = 1
            self._furthest = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if phase_name == _LONGEST_PHASE:
                self._steps = max(num_steps, 1)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name == _LONGEST_PHASE:
                self._furthest = max(self._furthest, min((step + 1) / self._steps, 1.0))
                on_progress(self._furthest)
            return not interrupted.is_set()  # whether to go on

        def phase_finish(self, phase_name: str) -> None:
            pass

    return Monitor()
