# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast train`: trains the learned code; `percast train pack`: pictures as one file."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from percast.engines.training import config as configuration
from percast.engines.training.data.pictures import pack
from percast.errors import UsageError
from percast.tools.report import say

_EPILOG = """\
With several GPUs: torchrun --nproc-per-node N -m percast.tools.cli train ...
(batch is then that of each GPU).

A killed run goes on with --resume. With --steps on the same machine's CPU it ends as if nothing had
happened, to the bit; with --minutes learning rates and stages follow the clock. The folder of a run
holds its last two checkpoints, weights.pt (for `python -m percast.engines.export` and --init),
train.csv, validation.csv, samples/ and events/ for TensorBoard.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--config",
        metavar="NAME|FILE",
        help="preset tiny, base (default), mse, lite or gpu; or a TOML file",
    )
    parser.add_argument("--data", metavar="DIR|PACK", help="pictures to train on")
    parser.add_argument("--validation", metavar="DIR|PACK", help="pictures to validate on")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default run)")
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="start from these: weights.pt or a checkpoint, or the name or folder of a model",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="M", help="length of the run in minutes")
    length.add_argument("--steps", type=int, metavar="N", help="length of the run in steps")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a setting, as often as needed (see engines/training/config.py)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.set_defaults(main=train)
    verbs = parser.add_subparsers(metavar="VERB")
    text = "write a folder of pictures into one file, which opens at once"
    packer = verbs.add_parser("pack", help=text, description=text, allow_abbrev=False)
    packer.add_argument("folder", type=Path, metavar="FOLDER")
    packer.add_argument("file", type=Path, metavar="FILE")
    packer.set_defaults(main=pack_folder)


def pack_folder(args: argparse.Namespace) -> int:
    count = pack(args.folder, args.file, say)
    say(f"{count} pictures in {args.file}, {args.file.stat().st_size / 1e6:.0f} MB")
    return 0


def train(args: argparse.Namespace) -> int:
    out = args.out or Path("run")
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "training needs torch: pip install 'percast[train]' (plain torch pulls CUDA builds of "
            "some GB; for a CPU first: pip install torch --index-url "
            "https://download.pytorch.org/whl/cpu)"
        )
    # Here, not above: `--help`, `pack` and all other verbs do without torch.
    from percast.engines.training.distributed import Group
    from percast.engines.training.records import checkpoint
    from percast.engines.training.trainer import Trainer

    changes = _changes(args)
    if args.resume:
        if args.config or args.init:
            raise UsageError("--resume goes on with the run's own settings: no --config or --init")
        state = checkpoint.load_newest(out)
        before = configuration.from_dict(state["config"], "the checkpoint")
        config = configuration.change(before, changes)
    else:
        if checkpoint.all_in(out):
            raise UsageError(f"{out} holds a run: go on with --resume, or give another --out")
        state, config = None, configuration.load(args.config or "base", changes)
    group = Group.open()
    try:
        if group.first:
            say(f"training on {group.describe()}")
        trainer = Trainer(config, out, group, args.init, state)
        result = trainer.run() | {"device": group.device_name}
    finally:
        group.close()
    if group.first:
        _tell(result, out, args.json)
    return 0


def _changes(args: argparse.Namespace) -> list[str]:
    """The options that are settings, as `--set` would have them."""
    changes = list(args.changes)
    for name in ("data", "validation", "minutes", "steps"):
        value = getattr(args, name)
        if value is not None:
            changes.append(f"{name}={json.dumps(value)}")
    return changes


def _tell(result: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        json.dump(result, sys.stdout)
        print()
        return

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    print(
        f"trained     {result['step']} steps, {result['images']} images in "
        f"{result['minutes']:.1f} minutes; {number(result['images_per_second'], '.1f')} images/s, "
        f"{number(result['data_share'], '.1%')} of the time in the data step"
    )
    print(
        f"validation  LPIPS {number(result['lpips'], '.4f')}, "
        f"PSNR {number(result['psnr_db'], '.2f')} dB"
    )
    print(f"weights     {out / 'weights.pt'}")
