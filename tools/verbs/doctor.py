# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast doctor`: what works on this machine, and how to mend what does not."""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from percast import home
from percast.errors import ModelError, PercastError


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        what: the thing looked at.
        ok: whether it works.
        text: its version, or what to do.
        needed: exit code when it does not work; 0 for what percast can do without.
    """

    what: str
    ok: bool
    text: str
    needed: int = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    findings = [f for check in CHECKS for f in check()]
    if args.json:
        print(json.dumps([asdict(f) for f in findings]))
    else:
        _print(findings)
    return next((f.needed for f in findings if f.needed and not f.ok), 0)


def _print(findings: list[Finding]) -> None:
    for f in findings:
        mark = "ok" if f.ok else "MISSING" if f.needed else "without"
        print(f"{mark:<8} {f.what:<20} {f.text}")


def _module(name: str, package: str, hint: str, needed: int = 0) -> Finding:
    """Whether a Python module loads (not merely exists), and its version."""
    try:
        module = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        return Finding(package, False, f"{hint} ({type(error).__name__}: {error})", needed)
    version = getattr(module, "__version__", None)
    return Finding(
        package, True, version if isinstance(version, str) else _version(package), needed
    )


def _extra(name: str, use: str, *packages: str) -> Finding:
    """Whether all packages of an extra are there. They are not loaded, which would take seconds."""
    what = f"percast[{name}]"
    missing = [package for package in packages if not _is_there(package)]
    if missing:
        return Finding(what, False, f"{use}: pip install '{what}' (no {', '.join(missing)})")
    return Finding(what, True, ", ".join(f"{package} {_version(package)}" for package in packages))


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "loads"


def check_python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    text = f"{platform.python_version()} at {sys.executable}"
    yield Finding("python", good, text if good else f"{text}: 3.11 or later is needed", 2)


def check_gnuradio() -> Iterator[Finding]:
    hint = (
        "apt install gnuradio, and a venv of /usr/bin/python3 with --system-site-packages "
        "(`make setup` does both)"
    )
    try:
        home.settle_gnu_radio(runs=False)
        from gnuradio import gr
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        yield Finding("gnuradio", False, f"{hint} ({type(error).__name__}: {error})", 3)
        return
    yield Finding("gnuradio", True, gr.version(), 3)
    import numpy

    old = int(numpy.__version__.split(".")[0]) < 2
    fix = "" if old else ": GNU Radio's bindings fail on numpy 2, pip install 'numpy<2'"
    yield Finding("numpy", old, numpy.__version__ + fix, 3)


def check_packages() -> Iterator[Finding]:
    for module, package in (
        ("scipy", "scipy"),
        ("PIL", "pillow"),
        ("skimage", "scikit-image"),
        ("zmq", "pyzmq"),
        ("safetensors", "safetensors"),
        ("rich", "rich"),
        ("jinja2", "jinja2"),
    ):
        yield _module(module, package, f"pip install {package}", 2)
    # The modem does without it, so that a machine that has none has a link all the same.
    yield _module("numba", "numba", "the modem is slower: pip install numba")


def check_engines() -> Iterator[Finding]:
    yield _module("openvino", "openvino", "pip install openvino", 4)
    yield _module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    yield from _check_tensorrt()


def _check_tensorrt() -> Iterator[Finding]:
    """A finding for each piece that TensorRT needs; whether `auto` takes it, models tell."""
    from percast.engines.runtimes.tensorrt.nvidia import NoGpu, first_gpu
    from percast.engines.runtimes.tensorrt.package import (
        PIP,
        RTX,
        TENSORRT,
        gpu_hint,
        installed,
        load,
    )

    gpu = None
    try:
        gpu = first_gpu()
    except NoGpu as error:
        yield Finding("NVIDIA GPU", False, gpu_hint(error))
    else:
        yield Finding("NVIDIA GPU", True, f"{gpu.name}, {gpu.target}")
    for name, use in ((TENSORRT, "NVIDIA GPUs"), (RTX, "RTX GPUs, and plans without a GPU")):
        if not installed(name):
            yield Finding(name, False, f"{use}: {PIP[name]}")
            continue
        try:
            package = load(name)
        except ModelError as error:
            yield Finding(name, False, str(error))
            continue
        refusal = package.refusal(gpu) if gpu else ""
        yield Finding(name, not refusal, refusal or package.version)
    yield _module("pycuda.driver", "pycuda", f"tensorrt on a GPU: {PIP['pycuda']}")
    yield _module("onnx", "onnx", f"tensorrt in fp16: {PIP['onnx']}")


def check_model() -> Iterator[Finding]:
    try:
        from percast.engines.manifest import list_models, load_model
        from percast.engines.runtimes.choose import open_engine
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        yield Finding("models", False, f"cannot be looked at ({error})", 4)
        return
    for name in list_models():
        try:
            model = load_model(name)
            with open_engine(model.generator.path) as engine:
                reason = engine.reason
        except Exception as error:  # noqa: BLE001 - a broken package may raise anything
            yield Finding(f"model {name}", False, str(error), 4)
            continue
        yield Finding(f"model {name}", True, f"id {model.id.hex()}; {reason}", 4)


def check_metrics() -> Iterator[Finding]:
    hint = "LPIPS will be null: percast eval fetch-weights"
    try:
        from percast.engines.metrics import find_weights

        paths = find_weights("lpips", silent=True) or ()
    except (PercastError, ImportError) as error:
        paths, hint = (), f"{hint} ({error})"
    folders = dict.fromkeys(str(path.parent) for path in paths)
    yield Finding("perceptual weights", bool(folders), " and ".join(folders) or hint)


def check_extras() -> Iterator[Finding]:
    yield _module("av", "av", "videos, cameras, codec hevc-ldpc: pip install 'percast[video]'")
    hint = "codec vvc-ldpc: pip install 'percast[digital]'"
    yield _module("imageio_ffmpeg", "imageio-ffmpeg", hint)
    yield _extra("view", "the live page, --view", "starlette", "uvicorn", "websockets")
    yield _extra("campaign", "several workers, Parquet", "dask", "distributed", "pyarrow")
    yield _extra("plots", "plots of eval", "matplotlib")
    yield _module("sklearn", "scikit-learn", "photographs of the demo: pip install 'percast[demo]'")
    yield _module("choix", "choix", "studies with observers: pip install 'percast[study]'")
    yield _module("torch", "torch", "training, and --engine torch: pip install 'percast[train]'")
    yield _extra("train", "models out of training", "onnx", "onnxscript", "tensorboard")
    yield _extra("int8", "networks in int8", "nncf")


def check_radios() -> Iterator[Finding]:
    yield _module("gnuradio.uhd", "uhd", "USRP: apt install gnuradio")
    yield _module("osmosdr", "gr-osmosdr", "HackRF: apt install gr-osmosdr")
    yield _module("gnuradio.soapy", "gr-soapy", "Soapy radios: apt install gnuradio")
    finder = shutil.which("uhd_find_devices")
    hint = "list of USRPs, USB permissions: apt install uhd-host"
    yield Finding("uhd-host", finder is not None, finder or hint)
    yield _soapy_modules()


def _soapy_modules() -> Finding:
    """What SoapySDR can drive; it knows no radio without its modules."""
    what, hint = "SoapySDR modules", "apt install python3-soapysdr soapysdr-module-all"
    try:
        import SoapySDR
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        return Finding(what, False, f"{hint} ({type(error).__name__}: {error})")
    names = sorted(Path(m).stem.removeprefix("lib") for m in SoapySDR.listModules())
    return Finding(what, bool(names), ", ".join(names) or hint)


def check_editor() -> Iterator[Finding]:
    what = "gnuradio-companion"
    try:
        from percast.tools.verbs.grc import editor_lacks

        lacking = editor_lacks()
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        yield Finding(what, False, f"cannot be looked at ({error})")
        return
    hint = f"the editor of flowgraphs: apt install {' '.join(lacking)}"
    yield Finding(what, not lacking, hint if lacking else str(shutil.which(what)))


def check_machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    yield Finding("cores", cores >= 2, f"{cores}" if cores >= 2 else "1: the link will be slow")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_gnuradio,
    check_packages,
    check_engines,
    check_model,
    check_metrics,
    check_extras,
    check_radios,
    check_editor,
    check_machine,
)
