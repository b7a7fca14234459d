# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a transmitter and of a run. No GNU Radio, so that a command line can be read without
it."""

from collections.abc import Iterator
from dataclasses import dataclass

from percast.blocks.images.zmq_images import check_address
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB, DEFAULT_TX_LEVEL
from percast.errors import UsageError
from percast.settings import SettingError, Settings, setting


@dataclass(frozen=True)
class TransmitterConfig(Settings):
    """Settings of a transmitter that are not objects of their own.

    Args:
        fps: pictures per second, None for as fast as the link goes.
        tx_level: mean power of a packet's payload, dB relative to full scale.
        papr_db: envelope limit of clip-and-filter, dB; None or 0 for none.
        callsign: sent in every header, at most 10 ASCII characters.
        share: small pictures that share a packet, which saves headers and waits for the last.
        session: number of the run, None for a random one.
    """

    group = "transmitter"

    fps: float | None = setting(
        None, "--fps", "pictures per second (default: as the link goes)",
        metavar="F", least=1e-3, most=1000, unit="pictures per second",
    )  # fmt: skip
    tx_level: float = setting(
        DEFAULT_TX_LEVEL, "--tx-level",
        "mean power of a packet's payload; loopback and radios clip at full scale "
        "(default %(default)g)",
        metavar="DBFS", least=-60, most=0, unit="dBFS",
    )  # fmt: skip
    papr_db: float | None = setting(
        DEFAULT_PAPR_DB, "--papr",
        "envelope limit of clip-and-filter, 0 = none (default %(default)g)", metavar="DB",
    )  # fmt: skip
    callsign: str = setting("", "--callsign", "sent in every header", metavar="TEXT", parse=str)
    share: int = setting(
        1, "--share",
        "small pictures that share a packet behind a short header; the first waits for the last "
        "(default %(default)s)",
        metavar="N", parse=int, whole=True, least=1, most=32, unit="pictures",
    )  # fmt: skip
    session: int | None = None

    def check(self) -> Iterator[SettingError]:
        yield from papr_problems(self.papr_db)
        if not (self.callsign.isascii() and len(self.callsign) <= 10):
            yield SettingError("callsign", f"{self.callsign}: at most 10 ASCII characters")


def papr_problems(papr_db: float | None) -> Iterator[SettingError]:
    """What is wrong with an envelope limit in dB."""
    if papr_db and not 3 <= papr_db <= 20:
        reason = f"must be 0 (none) or lie between 3 and 20 dB, not {papr_db:g}"
        yield SettingError("papr_db", reason)


@dataclass(frozen=True)
class RunConfig(Settings):
    """How long a flowgraph runs, and who may ask it things meanwhile.

    Args:
        seconds: end after this time; None = when it is done.
        control: ZeroMQ address on this machine for `percast tune`; None for none.
    """

    group = "run"

    seconds: float | None = setting(None, "--seconds", "end after this time", metavar="S")
    control: str | None = setting(
        None, "--control", "listen here for `percast tune`, such as tcp://127.0.0.1:5560",
        metavar="ADDRESS", parse=str,
    )  # fmt: skip

    def check(self) -> Iterator[SettingError]:
        if self.seconds is not None and not self.seconds > 0:
            yield SettingError("seconds", f"must be positive, not {self.seconds:g}")
        try:
            if self.control is not None:
                check_address(self.control, insecure=False)
        except UsageError:
            reason = f"{self.control}: give tcp://127.0.0.1:PORT or ipc://PATH on this machine"
            yield SettingError("control", reason)
