# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study simulate`: what a study would look like, with observers who answer by a metric."""

import argparse
from dataclasses import replace
from pathlib import Path

from percast.tools import terminal
from percast.tools.options import add_output_options
from percast.tools.study.analysis.config import AnalyseConfig, SimulateConfig
from percast.tools.study.answers import SIMULATED, Answers
from percast.tools.study.plan import Folder, told
from percast.tools.verbs.study.analyse import analyse

HELP = "let simulated observers answer by a metric, and analyse that"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="its folder")
    SimulateConfig.add_options(parser)
    AnalyseConfig.add_options(parser, without=("simulated",))
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    from percast.tools.study.simulated import answer_all, distances

    config, analysis = SimulateConfig.from_args(args), AnalyseConfig.from_args(args)
    folder = Folder.open(args.study)
    total = len(folder.study.pictures) * (len(folder.study.conditions) + 2)
    known = {}
    with terminal.progress_bar("compared", total) as on_progress:
        for place, distance in distances(folder, config.metric):
            known[place] = distance
            on_progress(len(known))
    with told(folder.path):  # those of an earlier simulation
        for suffix in ("", "-wal", "-shm"):
            (folder.path / f"{SIMULATED}{suffix}").unlink(missing_ok=True)
    with Answers.open(folder, simulated=config.in_words(), create=True) as store:
        for _ in range(config.observers + config.always_left):
            store.agree(store.join(lambda slot: f"simulated {slot}"), {}, ())
        store.add_all(list(answer_all(folder, config, known)))
    analyse(folder, replace(analysis, simulated=True), args.json)
    return 0
