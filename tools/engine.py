# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build|list|verify|bench`: compiled networks, and whether they are right."""

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from percast.blocks.images import open_source, parse_size
from percast.engines import tensorrt_plans
from percast.engines.bench import bench, inputs_of
from percast.engines.codec import Picture, parse_cbr
from percast.engines.engine import ENGINES, PRECISIONS, open_engine
from percast.engines.manifest import Model, load_model
from percast.engines.metrics import Lpips
from percast.engines.nvidia import NoGpu, first_gpu
from percast.engines.plan_cache import Entry, PlanCache
from percast.engines.tensorrt_build import profiles_for
from percast.engines.tensorrt_package import PIP, RTX, TENSORRT, for_this_machine, installed, load
from percast.engines.verify import SNRS_DB, Candidate, all_candidates, verify
from percast.errors import FileError, ModelError, UsageError
from percast.tools import report
from percast.tools.options import DEFAULT_THREADS, add_output_options


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
        help="tune for exactly this size too; may be given several times",
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


def build_engines(args: argparse.Namespace) -> int:
    model = load_model(args.model)
    sizes = [_size(text) for text in args.size]
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
            with _bar(f"{role} {target} {precision}") as on_progress:
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
            if plan.problem:
                raise FileError(f"the engine was built but not kept: {plan.problem}")
            built.append(
                {
                    "network": role,
                    "runtime": f"{package.name} {package.version}",
                    "target": target,
                    "precision": precision,
                    "bytes": len(plan.data),
                    "seconds": round(time.monotonic() - start, 2),
                    "cached": not plan.fresh,
                    "path": str(cache.folder / f"{key.stem}.plan"),
                }
            )
    return built


def _package_and_targets(args: argparse.Namespace) -> tuple[tensorrt_plans.Package, list[str]]:
    """What to build with, and for what.

    Raises:
        UsageError: flags that exclude each other.
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
        return load(RTX), list(dict.fromkeys(args.target.lower().split(",")))
    package = for_this_machine()
    try:
        gpu = first_gpu()
    except NoGpu as error:
        raise ModelError(
            f"{error}: give --target sm86 (or another) to build ahead of time with TensorRT-RTX"
        ) from error
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
    from percast.engines import quantise  # needs NNCF

    if args.pictures:
        with open_source(args.pictures, frames=quantise.CROPS) as given:
            pictures = [picture.rgb for picture in given]
    else:
        import skimage.data as photographs

        names = ("astronaut", "chelsea", "coffee", "rocket")
        pictures = [getattr(photographs, name)() for name in names]
    start = time.monotonic()
    cache, built = PlanCache(), []
    for role, (key, plan) in quantise.obtain(model, pictures, args.threads, cache).items():
        if plan.problem:
            raise FileError(f"the network was quantised but not kept: {plan.problem}")
        built.append(
            {
                "network": role,
                "runtime": key.runtime,
                "target": key.target,
                "precision": key.precision,
                "bytes": len(plan.data),
                "seconds": round(time.monotonic() - start, 2),
                "cached": not plan.fresh,
                "path": str(cache.folder / f"{key.stem}.plan"),
            }
        )
    return built


def _print_built(built: list[dict]) -> None:
    for each in built:
        what = f"{each['network']:<10} {each['runtime']}, {each['precision']}, {each['target']}"
        if each["path"] is None:
            print(f"{what}: compiles and runs, {each['seconds']:.1f} s; this engine keeps no file")
        else:
            how = "was there" if each["cached"] else f"built in {each['seconds']:.1f} s"
            print(f"{what}: {each['bytes'] / 1e6:.1f} MB, {how}: {each['path']}")


def list_engines(args: argparse.Namespace) -> int:
    cache = PlanCache()
    entries = [_listed(entry) for entry in cache.entries()]
    if args.json:
        report.print_json({"folder": str(cache.folder), "engines": entries})
        return 0
    if not entries:
        print(f"no engines in {cache.folder}: percast engine build")
        return 0
    table = Table(title=str(cache.folder), title_justify="left")
    for head in ("network", "runtime", "target", "precision", "MB", "built", "verified", "state"):
        table.add_column(head, justify="right" if head == "MB" else "left")
    for each in entries:
        table.add_row(
            *(each[key] or "-" for key in ("network", "runtime", "target", "precision")),
            f"{each['bytes'] / 1e6:.1f}",
            each["created"] or "-",
            each["verified"] or "-",
            each["problem"] or "ok",
        )
    Console(width=max(140, Console().width)).print(table)
    return 0


def _listed(entry: Entry) -> dict:
    manifest = entry.manifest
    problem = entry.problem
    runtime, version = manifest.get("runtime"), manifest.get("version")
    known = runtime in (TENSORRT, RTX) and installed(runtime)
    if not problem and known and not _version_here(runtime).startswith(version):
        problem = f"here is version {_version_here(runtime)}: it will be built again"
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
        "problem": problem,
    }


def _version_here(runtime: str) -> str:
    try:
        return load(runtime).version
    except ModelError:
        return ""


def verify_engines(args: argparse.Namespace) -> int:
    model = load_model(args.model)
    cbrs = [parse_cbr(text) for text in args.cbr.split(",")] if args.cbr else None
    snrs = [_number(text) for text in args.snr.split(",")] if args.snr else SNRS_DB
    with _bar("verify") as on_progress:
        candidates = _candidates(args)
        total = len(cbrs or model.rates) * len(snrs) * len(candidates)
        done = 0

        def on_row(row: object) -> None:
            nonlocal done
            done += 1
            on_progress(done / total)

        found = verify(
            model,
            candidates,
            _pictures(),
            cbrs=cbrs,
            snrs_db=snrs,
            threads=args.threads,
            lpips=Lpips.open(args.threads),
            remember=not (args.cbr or args.snr),
            on_row=on_row,
        )
    if args.json:
        report.print_json(found.as_dict())
    else:
        _print_verified(found)
    if not found.rows:
        why = "; ".join(found.skipped.values()) or f"{found.reference} is itself the reference"
        raise ModelError(f"no engine to verify: {why}")
    if not found.ok:
        wrong = sorted({f"{row.engine} {row.precision}" for row in found.rows if not row.ok})
        raise ModelError(
            f"{', '.join(wrong)} computes something else than {found.reference}: do not use it, "
            "and report this"
        )
    return 0


def _print_verified(found) -> None:
    table = Table(title=f"against {found.reference}", title_justify="left")
    heads = ("engine", "cbr", "SNR dB", "latents max abs", "picture max abs", "PSNR dB",
             "LPIPS change", "PSNR change", "")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head in ("engine", "") else "right")
    for row in found.rows:
        table.add_row(
            f"{row.engine} {row.precision}",
            row.cbr,
            f"{row.snr_db:g}",
            f"{row.latent_max_abs:.1e}",
            f"{row.image_max_abs:.1e}",
            "equal" if row.psnr_db is None else f"{row.psnr_db:.1f}",
            "-" if row.lpips_change is None else f"{row.lpips_change:+.5f}",
            f"{row.psnr_change_db:+.3f}",
            "ok" if row.ok else "WRONG",
        )
    Console(width=max(130, Console().width)).print(table)
    _print_skipped(found.skipped)


def bench_engines(args: argparse.Namespace) -> int:
    if args.runs < 1:
        raise UsageError(f"--runs {args.runs}: give at least 1")
    model = load_model(args.model)
    sizes = [_size(text) for text in args.size.split(",")]
    if not all(text.isdecimal() and int(text) for text in args.batch.split(",")):
        raise UsageError(f"--batch {args.batch}: give whole numbers of at least 1")
    batches = [int(text) for text in args.batch.split(",")]
    found = bench(model, _candidates(args), sizes, batches, args.runs, args.threads)
    if args.json:
        report.print_json(found.as_dict())
        return 0
    title = (
        f"encoder and generator, {args.threads} thread(s) each; speed is against {found.reference}"
    )
    table = Table(title=title, title_justify="left")
    heads = ("engine", "size", "batch", "encode ms", "decode ms", "p50 ms", "p99 ms", "pictures/s",
             "RAM MB", "GPU MB", "speed")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head == "engine" else "right")
    for row in found.rows:
        table.add_row(
            f"{row.engine} {row.precision}",
            f"{row.width}x{row.height}",
            str(row.batch),
            *(f"{x:.1f}" for x in (row.encode_ms, row.decode_ms)),
            *(f"{x:.1f}" for x in (row.latency_ms_p50, row.latency_ms_p99)),
            f"{row.images_per_second:.1f}",
            f"{row.memory_mb:.0f}",
            f"{row.gpu_mb:.0f}" if row.gpu_mb else "-",
            f"{row.speed:.2f}",
        )
    Console(width=max(120, Console().width)).print(table)
    _print_skipped(found.skipped)
    return 0


def _print_skipped(skipped: dict[Candidate, str]) -> None:
    for candidate, why in skipped.items():
        report.say(f"without {candidate}: {why}")


def _candidates(args: argparse.Namespace) -> list[Candidate]:
    return [
        candidate
        for candidate in all_candidates()
        if args.engine in (None, candidate.engine) and args.precision in (None, candidate.precision)
    ]


def _pictures() -> list[Picture]:
    """Photographs that scikit-image carries, cropped to three sizes, one of them of odd sides."""
    import skimage.data

    return [
        skimage.data.astronaut()[:256, 100:356],
        skimage.data.chelsea()[20:227, 60:391],
        skimage.data.coffee()[100:228, 150:246],
    ]


@contextlib.contextmanager
def _bar(text: str) -> Iterator[Callable[[float], None]]:
    """A progress bar with the time left, on a terminal; gives the function to tell the share to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda share: None
        return
    columns = (TextColumn(text), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share: bar.update(task, completed=share)
        bar.update(task, completed=1.0)


def _size(text: str) -> tuple[int, int]:
    width, height = parse_size(text)
    return height, width


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is no number") from error
