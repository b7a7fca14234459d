# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tune`: change a running `percast tx`, `rx` or `loopback`, or ask it how it does."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import zmq

from percast.errors import DeviceError
from percast.flowgraphs.config import RunConfig
from percast.settings import REQUIRED, SettingError, like, setting
from percast.tools import report
from percast.tools.control import check_local
from percast.tools.controls import table

_TIMEOUT_MS = 5000
_PATIENT_MS = 60_000  # an engine compiles, a folder is searched, seconds are written down
_NOBODY = "nobody answers; was it started with --control?"
_BUSY = "this takes its time; `--verbs` tells what is in force"


@dataclass(frozen=True, kw_only=True)
class TuneConfig(table.Asked):
    """What to ask of which link; the verbs are those of `percast.tools.controls.table`.

    Args:
        control: address of the link.
        status: ask for the tree of figures.
        verbs: ask what can be changed.
    """

    control: str = like(RunConfig, "control", REQUIRED, "as `tx`, `rx` or `loopback` has it")
    status: bool = setting(False, "--status", "print how it does, as JSON: the tree of figures")
    verbs: bool = setting(False, "--verbs", "print what can be changed there, and what it is now")

    def check(self) -> Iterator[SettingError]:
        yield from super().check()
        wanted = [*table.values(self), *(q for q in ("status", "verbs") if getattr(self, q))]
        if not wanted:
            yield SettingError("status", f"or something to change: --{', --'.join(_flags())}")
        for question in ("status", "verbs"):
            if getattr(self, question) and len(wanted) > 1:
                yield SettingError(question, "goes alone: it changes nothing")

    def request(self) -> dict[str, Any]:
        """For the control socket."""
        if self.status or self.verbs:
            return {"status" if self.status else "verbs": True}
        return table.to_json(table.values(self))


def _flags() -> Iterator[str]:
    return (verb.about.flag.removeprefix("--") for verb in table.VERBS.values())


def add_options(parser: argparse.ArgumentParser) -> None:
    TuneConfig.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as it came")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    wanted = TuneConfig.from_args(args)
    check_local(wanted.control)
    if wanted.status or wanted.verbs:
        answer = ask(wanted.control, wanted.request())
    else:
        ask(wanted.control, {"verbs": True})  # whether anybody is there is soon told
        answer = ask(wanted.control, wanted.request(), _PATIENT_MS, _BUSY)
    if args.json:
        report.print_json(answer)
    elif answer.get("ok") and wanted.status:
        report.print_json(answer.get("status"))
    elif answer.get("ok") and wanted.verbs:
        _print_verbs(answer.get("verbs"))
    elif answer.get("ok"):
        for name, value in answer.get("took", {}).items():
            hint = answer.get("hints", {}).get(name)
            print(f"{name:<8} {value}{f' ({hint})' if hint else ''}")
    if not answer.get("ok"):
        raise DeviceError(str(answer.get("error", "the answer makes no sense"))[:200])
    return 0


def _print_verbs(verbs: Any) -> None:
    if not (isinstance(verbs, dict) and all(isinstance(v, dict) for v in verbs.values())):
        raise DeviceError("the answer makes no sense")
    for name, verb in verbs.items():
        missing = verb.get("missing")
        print(f"{name:<13} {f'({missing})' if missing else verb.get('now')}")


def ask(address: str, request: dict, timeout_ms: int | None = None, silence: str = _NOBODY) -> dict:
    """Send a request, give the answer.

    Args:
        timeout_ms: for the answer; None for what a question may take.
        silence: what it means if there is none by then.

    Raises:
        DeviceError: there is no answer, or none that makes sense.
    """
    with zmq.Context.instance().socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(address)
            socket.send_string(json.dumps(request))
            if not socket.poll(_TIMEOUT_MS if timeout_ms is None else timeout_ms):
                raise DeviceError(f"--control {address}: {silence}")
            answer = json.loads(socket.recv())
        except (zmq.ZMQError, ValueError) as error:
            raise DeviceError(f"--control {address}: {error}") from error
    if not isinstance(answer, dict) or not all(
        isinstance(answer.get(key, {}), dict) for key in ("took", "hints")
    ):
        raise DeviceError(f"--control {address}: the answer makes no sense")
    return answer
