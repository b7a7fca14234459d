# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several verbs share."""

import argparse

from percast.blocks.recordings.writer import DATATYPES
from percast.blocks.waveform.profile import DEFAULT_PROFILE, PRESETS
from percast.blocks.waveform.transmit import DEFAULT_PAPR_DB, DEFAULT_TX_LEVEL
from percast.flowgraphs.radios.config import DEVICES, parse_gain
from percast.quantity import quantity


def add_image_options(parser: argparse.ArgumentParser, out: bool = True) -> None:
    group = parser.add_argument_group("images")
    group.add_argument(
        "--source",
        metavar="SPEC",
        required=True,
        help="folder or file, video:PATH, camera:N, zmq:tcp://HOST:PORT",
    )
    if out:
        _add_out(group)
    group.add_argument(
        "--frames",
        type=int,
        metavar="N",
        help="pictures to send, going round; 0 = for ever (radios: the default)",
    )
    group.add_argument(
        "--fps", type=quantity, metavar="F", help="pictures per second (default: as the link goes)"
    )
    group.add_argument("--size", metavar="WxH", help="crop to this shape and resize")
    _add_insecure(group)


def _add_out(group) -> None:
    group.add_argument("--out", metavar="DIR", help="folder for results, or zmq:tcp://HOST:PORT")


def _add_insecure(group) -> None:
    group.add_argument(
        "--zmq-keys",
        metavar="DIR",
        help="only clients with keys may connect, from other machines too (see `percast keys`)",
    )
    group.add_argument(
        "--insecure", action="store_true", help="let zmq listen beyond this machine without keys"
    )


def add_metrics_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("figures").add_argument(
        "--metrics",
        default="psnr,ms-ssim,lpips",
        metavar="LIST",
        help="figures to compute, or none (default psnr,ms-ssim,lpips)",
    )


def add_waveform_options(parser: argparse.ArgumentParser, sender: bool = True) -> None:
    group = parser.add_argument_group("waveform")
    group.add_argument(
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME",
        help=f"preset: {', '.join(PRESETS)} (default {DEFAULT_PROFILE})",
    )
    group.add_argument(
        "--samp-rate", type=quantity, metavar="HZ", help="samples/s (default: the profile's)"
    )
    if not sender:
        return
    group.add_argument(
        "--tx-level",
        type=quantity,
        default=DEFAULT_TX_LEVEL,
        metavar="DBFS",
        help=f"mean power of a burst (default {DEFAULT_TX_LEVEL:g})",
    )
    group.add_argument(
        "--papr",
        type=quantity,
        default=DEFAULT_PAPR_DB,
        metavar="DB",
        help=f"envelope limit of clip-and-filter, 0 = none (default {DEFAULT_PAPR_DB})",
    )
    group.add_argument("--callsign", default="", metavar="TEXT", help="sent in every header")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object at the end")
    group.add_argument("-v", "--verbose", action="store_true")


def add_radio_options(parser: argparse.ArgumentParser, transmit: bool) -> None:
    group = parser.add_argument_group("radio")
    group.add_argument("--device", choices=DEVICES, required=True)
    group.add_argument(
        "--args",
        default="",
        metavar="TEXT",
        help="which one: uhd serial=... or addr=...; hackrf SERIAL; soapy driver=...; osmosdr "
        "rtl=0; file: the recording (.sigmf-meta, .sigmf, .cf32, .cs8); zmq: tcp://127.0.0.1:PORT",
    )
    group.add_argument("--freq", type=quantity, metavar="HZ", help="carrier; a radio needs it")
    default = "the lowest" if transmit else "of a HackRF LNA=16,VGA=20,AMP=0, else the middle"
    group.add_argument(
        "--gain",
        type=parse_gain,
        metavar="DB",
        help=f"in all, or stages by name: VGA=20,AMP=0 (default {default})",
    )
    if not transmit:
        group.add_argument("--agc", action="store_true", help="let the radio set its gain")
    group.add_argument("--antenna", metavar="NAME", help="port of the radio")
    group.add_argument("--channels", type=int, metavar="N", help="channel of the radio (one)")
    group.add_argument(
        "--lo-offset",
        type=quantity,
        metavar="HZ",
        help="local oscillator from the carrier (USRP; default: a receiver's beside the band)",
    )
    group.add_argument("--clock-source", metavar="NAME", help="such as internal, external, gpsdo")
    group.add_argument("--time-source", metavar="NAME", help="likewise")
    group.add_argument("--bandwidth", type=quantity, metavar="HZ", help="of the analogue filters")
    group.add_argument(
        "--reconnect", action="store_true", help="open the radio again when it was unplugged"
    )
    group.add_argument(
        "--control",
        metavar="ADDRESS",
        help="listen here for `percast tune`, such as tcp://127.0.0.1:5560",
    )
    group.add_argument("--seconds", type=quantity, metavar="S", help="end after this time")
    group.add_argument(
        "--dry-run", action="store_true", help="print what would be done; open no device"
    )


def add_record_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recording")
    group.add_argument(
        "--record",
        metavar="FILE",
        help="write down what is heard, packets annotated: .sigmf-meta, .cf32 or .cs8",
    )
    group.add_argument(
        "--record-format",
        choices=DATATYPES,
        help=f"of SigMF samples: 8 or 2 bytes each (default {DATATYPES[0]})",
    )


def add_receiver_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    _add_out(group)
    group.add_argument("--frames", type=int, metavar="N", help="stop after so many pictures")
    group.add_argument(
        "--reference",
        metavar="DIR",
        help="the sender's pictures in the sender's order, for PSNR and LPIPS",
    )
    group.add_argument(
        "--size", metavar="WxH", help="the sender's --size: to be ready for it, and for --reference"
    )
    _add_insecure(group)
