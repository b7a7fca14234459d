# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study make`: pictures in pairs, from folders or a campaign."""

import argparse
import contextlib
from pathlib import Path

from percast.blocks.images.picture import parse_size
from percast.errors import UsageError
from percast.tools import report
from percast.tools.options import add_output_options
from percast.tools.study.cells import conditions_of, parse_where
from percast.tools.study.config import PlanConfig, RuleConfig
from percast.tools.study.folders import pictures_in, split_spec
from percast.tools.study.make import make
from percast.tools.study.ratios import too_few
from percast.tools.study.schedule import repeats_each, trials_each, trials_of

HELP = "make a study of folders of pictures, or of a campaign's cells"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "conditions",
        nargs="*",
        metavar="NAME=FOLDER",
        help="a condition; a NAME like percast@1/48 tells code and bandwidth ratio, which the "
        "question of equal bandwidth needs",
    )
    parser.add_argument("--reference", type=Path, metavar="FOLDER", help="the originals")
    parser.add_argument("--campaign", type=Path, metavar="FILE", help="a campaign's .sqlite")
    parser.add_argument(
        "--where",
        type=parse_where,
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="of the campaign's cells, such as snr=10 or cbr=1/96,1/48",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="STUDY", help="its folder")
    PlanConfig.add_options(parser)
    RuleConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    plan, rule = PlanConfig.from_args(args), RuleConfig.from_args(args)
    with contextlib.ExitStack() as stack:
        if args.campaign is not None:
            if args.conditions or args.reference is not None:
                raise UsageError("--campaign has its own originals and conditions: give no folders")
            if plan.size:
                raise UsageError("--size is for folders: a campaign keeps its originals as sent")
            originals, conditions, remarks = conditions_of(stack, args.campaign, args.where)
        else:
            (originals, conditions), remarks = _folders(args, plan), []
        folder = make(args.out, originals, conditions, plan, rule)
    study = folder.study
    for name in study.lost:
        report.say(f"percast: nothing came out of {name}, and nobody is asked about it")
    if study.left_out:
        report.say(
            f"percast: {len(study.left_out)} originals are left out, which not all conditions have"
        )
    if (repeats := repeats_each(study)) < study.repeats:
        report.say(
            f"percast: {repeats} pairs are asked again, not {study.repeats}: of the "
            f"{trials_each(study)} of an observer no more come early enough for it"
        )
    for words in (*remarks, *too_few(study)):
        report.say(f"percast: {words}")
    each = len(trials_of(study, 0))
    cells = len(study.pairs) * len(study.pictures)
    if args.json:
        about = {
            "study": str(folder.path),
            "sha256": folder.sha256,
            "conditions": [condition.name for condition in study.conditions],
            "pictures": len(study.pictures),
            "left_out": list(study.left_out),
            "lost": list(study.lost),
            "pairs": len(study.pairs),
            "trials": each,
        }
        report.print_json(about)
    else:
        print(f"conditions {', '.join(condition.name for condition in study.conditions)}")
        print(f"pairs      {len(study.pairs)} of {len(study.pictures)} pictures: {cells} in all")
        print(f"trials     {each} for each observer, with repeats and catch trials")
        print(f"study      {folder.path}, sha256 {folder.sha256}")
    return 0


def _folders(args: argparse.Namespace, plan: PlanConfig):
    if args.where:
        raise UsageError("--where is for a --campaign")
    if args.reference is None:
        raise UsageError("give the originals: --reference FOLDER")
    specs = [split_spec(text) for text in args.conditions]
    names = [name for name, _ in specs]
    if len(set(names)) < len(names):
        raise UsageError("two conditions have one name: give NAME=FOLDER")
    originals = pictures_in(args.reference, parse_size(plan.size) if plan.size else None)
    return originals, {name: pictures_in(folder, label=name) for name, folder in specs}
