# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign remetric [STORE]`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from percast.engines.codecs.config import CodecConfig
from percast.engines.evaluation.measure import METRICS
from percast.engines.manifest import load_model
from percast.errors import INTERRUPTED
from percast.quantity import quantity
from percast.settings import Settings, like, list_of, setting
from percast.tools import report, terminal
from percast.tools.campaign.crews import open_crew
from percast.tools.campaign.places import newest_store
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.store import Store
from percast.tools.options import add_output_options
from percast.tools.verbs.campaign.config import WorkersConfig


@dataclass(frozen=True)
class AgainConfig(Settings):
    """How to decode again; see `Again`.

    Args:
        pictures: keep them.
        snrs_db, channels: what to decode; all by default.
    """

    group = "to decode again"

    realism: float | None = like(
        CodecConfig, "realism", None, "where codecs have it (default: as it was)"
    )
    model: str | None = like(
        CodecConfig, "model", None, "for the learned code (default: as it was)"
    )
    engine: str | None = like(CodecConfig, "engine", None, "to decode with (default: as it was)")
    metrics: tuple[str, ...] = setting(
        tuple(METRICS), "--metrics", f"of {','.join(METRICS)} (default: all)",
        metavar="LIST", parse=list_of(str.strip), choices=tuple(METRICS),
    )  # fmt: skip
    pictures: bool = setting(False, "--keep-pictures", "keep the pictures, too")
    snrs_db: tuple[float, ...] = setting(
        (), "--snr", "only what was sent at these (default: all)", metavar="LIST", unit="dB",
        parse=list_of(quantity),
    )  # fmt: skip
    channels: tuple[str, ...] = setting(
        (), "--channel", "only what was sent over these (default: all)", metavar="LIST",
        parse=list_of(str.strip),
    )  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", nargs="?", type=Path, metavar="STORE", help="default: the newest here"
    )
    AgainConfig.add_options(parser)
    WorkersConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    wanted, workers = AgainConfig.from_args(args), WorkersConfig.from_args(args)
    if wanted.model is not None:
        load_model(wanted.model)
    again = Again(
        wanted.realism, wanted.model, wanted.metrics, wanted.engine, wanted.snrs_db, wanted.channels
    )
    path = args.store or newest_store()
    with Store.open(path, write=True) as store:
        total = store.counts()["cells_done"]
        try:
            with (
                terminal.progress_bar("cells", total) as on_progress,
                open_crew(workers.scheduler, workers.count, store.note, decode_again) as crew,
            ):
                number, cells = remetric(store, again, crew, wanted.pictures, on_progress)
        except KeyboardInterrupt:
            report.say("percast: the same command goes on")
            return INTERRUPTED
    if args.json:
        report.print_json({"store": str(path), "decode": number, "cells": cells})
    else:
        print(f"{path}: {cells} cells decoded again, as decode {number}")
    return 0
