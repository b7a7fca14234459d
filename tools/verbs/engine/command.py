# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build|list|verify|bench`: compiled networks, and whether they are right."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from percast.engines.codecs.config import DEFAULT_THREADS
from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.engine import ENGINES, PRECISIONS
from percast.engines.runtimes.plan_cache import Entry, PlanCache
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt.package import RTX, TENSORRT, installed, load
from percast.errors import ModelError
from percast.tools import report, terminal
from percast.tools.options import add_output_options
from percast.tools.verbs.engine.build import build_engines
from percast.tools.verbs.engine.check import bench_engines, verify_engines


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, function: Callable, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_output_options(sub)
        sub.set_defaults(main=function)
        return sub

    sub = verb("build", build_engines, "compile a model for an engine and keep it in the cache")
    _add_model(sub)
    sub.add_argument("--engine", choices=ENGINES, default="tensorrt")
    sub.add_argument("--precision", choices=PRECISIONS, default="auto")
    sub.add_argument(
        "--target",
        metavar="LIST",
        help="compute capabilities to build for without their GPU, such as sm86,sm89 "
        "(TensorRT-RTX; default: the GPU here)",
    )
    sub.add_argument(
        "--size",
        metavar="WxH",
        action="append",
        default=[],
        help="tune for exactly this size too; may be given several times; replaces the engine that "
        "was tuned for others",
    )
    sub.add_argument(
        "--pictures",
        metavar="DIR",
        help="int8: photographs to calibrate on (default: those that scikit-image carries)",
    )
    sub.add_argument(
        "--portable",
        action="store_true",
        help="TensorRT: for any GPU from Ampere on and later versions, at some speed",
    )
    _add_threads(sub)

    verb("list", list_engines, "engines in the cache, and whether they can be used")

    sub = verb("verify", verify_engines, "compare the results of every engine with a reference")
    _add_model(sub)
    _add_candidates(sub)
    sub.add_argument("--cbr", metavar="LIST", help="rates (default: all of the model)")
    sub.add_argument("--snr", metavar="LIST", help="SNRs in dB (default: 0,10,19)")
    _add_threads(sub)

    sub = verb("bench", bench_engines, "time every engine beside a reference")
    _add_model(sub)
    _add_candidates(sub)
    sub.add_argument("--size", metavar="LIST", default="256x256,768x512", help="WxH,...")
    sub.add_argument("--batch", metavar="LIST", default="1", help="pictures at once")
    sub.add_argument("--runs", type=int, default=30, metavar="N", help="(default 30)")
    _add_threads(sub)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="base", metavar="NAME", help="shipped model or a folder")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=int,
        default=DEFAULT_THREADS,
        metavar="N",
        help=f"threads per CPU engine (default here {DEFAULT_THREADS})",
    )


def _add_candidates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=ENGINES, help="only this one")
    parser.add_argument("--precision", choices=PRECISIONS[1:], help="only this one")


def list_engines(args: argparse.Namespace) -> int:
    cache = PlanCache()
    entries = [_listed(entry) for entry in cache.entries()]
    if args.json:
        report.print_json({"folder": str(cache.folder), "engines": entries})
        return 0
    if not entries:
        print(f"no engines in {cache.folder}: percast engine build")
        return 0
    heads = ("network", "runtime", "target", "precision", "MB", "built", "verified", "state")
    rows = [
        (
            *(each[key] or "-" for key in ("network", "runtime", "target", "precision")),
            f"{each['bytes'] / 1e6:.1f}",
            each["created"] or "-",
            each["verified"] or "-",
            each["problem"] or "ok",
        )
        for each in entries
    ]
    terminal.print_table(str(cache.folder), heads, rows, left={*heads} - {"MB"})
    return 0


def _listed(entry: Entry) -> dict:
    manifest = entry.manifest
    runtime, version = manifest.get("runtime"), manifest.get("version")
    return {
        "path": str(entry.path),
        "network": manifest.get("details", {}).get("network"),
        "runtime": f"{runtime} {version}" if runtime else None,
        "target": manifest.get("target"),
        "precision": manifest.get("precision"),
        "bytes": entry.path.stat().st_size,
        "created": manifest.get("created"),
        "build_seconds": manifest.get("build_seconds"),
        "verified": entry.verified["when"] if entry.verified else None,
        "problem": entry.problem or _outdated(manifest),
    }


def _outdated(manifest: Mapping[str, Any]) -> str:
    """Why nothing here uses a plan that is whole; empty if something may."""
    runtime = manifest["runtime"]
    tensorrt = runtime in (TENSORRT, RTX)
    if manifest["recipe"] != (tensorrt_build if tensorrt else int8_networks).RECIPE:
        return "made by another version of percast: delete it"
    here = _version_here(runtime) if tensorrt and installed(runtime) else ""
    if here and not here.startswith(manifest["version"]):
        return f"here is version {here}, which builds its own: delete it"
    return ""


def _version_here(runtime: str) -> str:
    """The version of a package; empty if it is broken."""
    try:
        return load(runtime).version
    except ModelError:
        return ""
