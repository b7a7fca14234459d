# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build|list|verify|bench`: compiled networks, and whether they are right."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from percast.engines.runtimes import int8_networks
from percast.engines.runtimes.plan_cache import Entry, PlanCache
from percast.engines.runtimes.tensorrt import build as tensorrt_build
from percast.engines.runtimes.tensorrt.package import RTX, TENSORRT, installed, load
from percast.errors import ModelError
from percast.tools import report, terminal
from percast.tools.options import add_output_options
from percast.tools.verbs.engine.build import build_engines
from percast.tools.verbs.engine.check import bench_engines, verify_engines
from percast.tools.verbs.engine.config import BenchConfig, BuildConfig, VerifyConfig


def add_options(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, function: Callable, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_output_options(sub)
        sub.set_defaults(main=function)
        return sub

    text = "compile a model for an engine and keep it in the cache"
    BuildConfig.add_options(verb("build", build_engines, text))
    verb("list", list_engines, "engines in the cache, and whether they can be used")
    text = "compare the results of every engine with a reference"
    VerifyConfig.add_options(verb("verify", verify_engines, text))
    BenchConfig.add_options(verb("bench", bench_engines, "time every engine beside a reference"))


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
