# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine verify|bench`: what engines compute, and how fast, beside a reference."""

import argparse

from percast.engines.evaluation.bench import bench
from percast.engines.evaluation.verify import Candidate, Comparison, Report, verify
from percast.engines.manifest import load_model
from percast.engines.metrics import Lpips
from percast.errors import ModelError
from percast.tools import report, terminal
from percast.tools.verbs.engine import pictures as engine_pictures
from percast.tools.verbs.engine.config import BenchConfig, VerifyConfig


def verify_engines(args: argparse.Namespace) -> int:
    config = VerifyConfig.from_args(args)
    model = load_model(config.model)
    cbrs, candidates = config.cbr or model.rates, config.candidates()
    how = Comparison(
        cbrs=cbrs, snrs_db=config.snr, threads=config.threads, lpips=Lpips.open(config.threads)
    )
    with terminal.progress_bar("verify") as on_progress:
        total = len(cbrs) * len(config.snr) * len(candidates)
        done = 0

        def on_row(row: object) -> None:
            nonlocal done
            done += 1
            on_progress(done / total)

        pictures = engine_pictures.to_verify()
        found = verify(model, candidates, pictures, how, remember=config.usual, on_row=on_row)
    if args.json:
        report.print_json(found.as_dict())
    elif found.rows:
        _print_verified(found)
    if any(row.precision == "int8" and row.lpips_change is None for row in found.rows):
        report.say("auto takes no int8 network without LPIPS: percast eval fetch-weights")
    if config.engine and found.failed:
        raise ModelError("; ".join(f"{name}: {why}" for name, why in found.failed.items()))
    if not found.rows:
        _explain_none(found, is_reference=bool(config.engine) and found.reference in candidates)
    if not found.ok:
        wrong = sorted({f"{row.engine} {row.precision}" for row in found.rows if not row.ok})
        raise ModelError(
            f"{', '.join(wrong)} computes something else than {found.reference}: do not use it, "
            "and report this"
        )
    return 0


def _explain_none(found: Report, is_reference: bool) -> None:
    """Say why nothing was compared.

    Args:
        is_reference: whether just the engine was asked for that others are compared with, which
            is no failure: it runs.

    Raises:
        ModelError: nothing that was asked for is here.
    """
    if is_reference:
        _print_skipped(found.skipped)
        report.say(f"{found.reference} is what the others are compared with")
        return
    left_out = dict.fromkeys((found.skipped | found.failed).values())
    why = "; ".join(left_out) or f"there is only {found.reference}"
    raise ModelError(f"no engine to verify: {why}")


def _print_verified(found: Report) -> None:
    heads = ("engine", "cbr", "SNR dB", "latents max abs", "picture max abs", "PSNR dB",
             "LPIPS change", "PSNR change", "result")  # fmt: skip
    rows = [
        (
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
        for row in found.rows
    ]
    terminal.print_table(f"against {found.reference}", heads, rows, left=("engine", "result"))
    _print_skipped(found.skipped | found.failed)


def bench_engines(args: argparse.Namespace) -> int:
    config = BenchConfig.from_args(args)
    models = [load_model(name) for name in dict.fromkeys(config.model.split(","))]
    found = bench(
        models, config.candidates(), config.size, config.batch, config.runs, config.threads
    )
    if args.json:
        report.print_json(found.as_dict())
        return 0
    heads = ("model", "engine", "size", "batch", "encode ms", "decode ms", "p50 ms", "p99 ms",
             "pictures/s", "RAM MB", "GPU MB", "speed")  # fmt: skip
    rows = [
        (
            row.model,
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
        for row in found.rows
    ]
    title = (
        f"encoder and generator, {config.threads} thread(s) each; "
        f"speed is against {found.reference} with model {found.of}"
    )
    terminal.print_table(title, heads, rows, left=("model", "engine"))
    _print_skipped(found.skipped)
    return 0


def _print_skipped(skipped: dict[Candidate, str]) -> None:
    """Each reason once."""
    for reason in dict.fromkeys(skipped.values()):
        which = ", ".join(str(candidate) for candidate, why in skipped.items() if why == reason)
        report.say(f"without {which}: {reason}")
