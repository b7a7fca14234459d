# SPDX-License-Identifier: GPL-3.0-or-later
"""What `percast tx` says of what it did."""

import pytest

from percast.errors import FileError
from percast.flowgraphs.run import Ending
from percast.tools.cli import build_parser
from percast.tools.verbs import tx


@pytest.mark.parametrize("error", [None, FileError("a.cs8: cannot be written; it holds 0.1 s")])
def test_what_the_device_did_not_take_is_not_called_sent(error, monkeypatch, capsys):
    summary = {"sent": 3, "frames_per_second": 2.0, "model": "base", "engine_reason": "openvino"}
    monkeypatch.setattr(tx, "transmit", lambda wanted: (summary, Ending(False, error)))
    monkeypatch.setattr(tx.summaries, "check_codec", lambda summary: None)
    args = ["tx", "--source", "/nowhere", "--device", "file", "--args", "/nowhere/a.cs8"]
    args = build_parser(["tx"]).parse_args(args)
    if error is None:
        assert tx.main(args) == 0
    else:
        with pytest.raises(FileError):
            tx.main(args)
    line = capsys.readouterr().out.splitlines()[0]
    done = "sent" if error is None else "coded, and not all of them sent"
    assert line == f"pictures   3 {done}, 2.0 pictures/s"
