# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `percast VERB`; each verb is a module that adds its options and its `main`."""

from percast.tools import process  # isort: skip  # before numpy is loaded

import argparse
import errno
import importlib
import logging
import re
import signal
import sys
import traceback

from percast import __version__
from percast.errors import INTERRUPTED, FileError, PercastError
from percast.signals import ending_signals, interrupt, never_lost

# No docstring: `python -OO` has none.
_EPILOG = """\
Exit codes: 0 ok, 1 bug, 2 usage, 3 device, 4 model or engine, 5 link (nothing received),
6 file (unreadable recording, unwritable or full output), 130 interrupted.
"""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

VERBS = {
    "loopback": "transmitter -> channel model -> receiver in one GNU Radio process",
    "tx": "pictures to a radio, a recording or another process",
    "rx": "pictures from a radio, a recording or another process",
    "replay": "decode a recording again, with any engine or realism",
    "view": "the live page of a receiver that publishes: in another process, on another machine",
    "demo": "send photographs through a fading channel and make a contact sheet",
    "train": "train the learned code on a folder of pictures (needs torch)",
    "devices": "list radios that are attached, and drivers that are missing",
    "tune": "change a running tx, rx or loopback, or ask it how it does",
    "eval": "score a model over rate x SNR x realism; `eval fetch-weights` gets what metrics need",
    "campaign": "measurement campaigns: run, resume, status, report, export, remetric, end",
    "study": "ask people which pictures they prefer: make, serve, analyse, simulate",
    "engine": "compile engines, list, verify and time them",
    "keys": "make keys for zmq ports that other machines may reach",
    "grc": "show the blocks in gnuradio-companion",
    "doctor": "check the installation and say what to fix",
}


def build_parser(argv: list[str]) -> argparse.ArgumentParser:
    """The parser for a command line; only the verb in it is loaded, so that `percast doctor` runs
    where another verb's packages are broken."""
    parser = argparse.ArgumentParser(
        prog="percast",
        description="Real-time perceptual image transmission over software-defined radio.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"percast {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text in VERBS.items():
        sub = verbs.add_parser(verb, help=text, description=text, allow_abbrev=False)
        # Otherwise `--freq-offset -20k` is taken for two options, unlike `--snr -3`.
        sub._negative_number_matcher = re.compile(r"-\.?\d")
        if argv and argv[0] == verb:
            importlib.import_module(f"percast.tools.verbs.{verb}").add_options(sub)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
    except Exception:  # a bug
        if process.at_once:
            traceback.print_exc()
            process.leave_if_at_once(1)
        raise
    process.leave_if_at_once(code)
    return code


def _run(argv: list[str]) -> int:
    process.let_stderr_fail()
    try:
        # All as Ctrl-C: what is open is closed, a radio above all.
        for number in set(ending_signals()) - {signal.SIGINT}:
            signal.signal(number, interrupt)
        never_lost()
        with process.signals_held():
            parser = build_parser(argv)
        args = parser.parse_args(argv)
        logging.basicConfig(
            level=logging.INFO if getattr(args, "verbose", False) else logging.WARNING,
            format="percast: %(message)s",
            stream=sys.stderr,
        )
        # What a block met is raised when its graph has stopped, and told then.
        logging.getLogger("percast.blocks.guard").setLevel(logging.CRITICAL)
        code = args.main(args) or 0
        _check_output()
        return code
    except PercastError as error:
        process.say(f"percast: {error}")
        return error.exit_code
    except SystemExit as end:  # of argparse: --help and --version print, too
        if end.code:
            raise
        if problem := process.stdout_broken():
            return _tell_unwritten(problem)
        raise
    except OSError as error:
        # If it was a print that overflowed the buffer, the rest of it cannot be written either.
        problem = process.stdout_broken()
        # Without a buffer (PYTHONUNBUFFERED) it is the print that fails, and nothing is left.
        unread = isinstance(error, BrokenPipeError) and process.stdout_unread()
        if not problem and not unread and error.errno not in _NO_ROOM:
            raise
        return _tell_unwritten(problem or error.strerror)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        process.silence_broken_streams()
        # All is done and said: an impatient Ctrl-C must not change the exit code any more.
        for number in ending_signals():
            signal.signal(number, signal.SIG_IGN)


def _check_output() -> None:
    """Write out stdout while its errors can still be told.

    Raises:
        FileError: its reader has gone, its disk is full, or it was closed from the beginning.
    """
    if problem := process.stdout_broken():
        raise FileError(f"the output could not be written: {problem}")


def _tell_unwritten(problem: str) -> int:
    process.say(f"percast: the output could not be written: {problem}")
    return FileError.exit_code


if __name__ == "__main__":
    sys.exit(main())
