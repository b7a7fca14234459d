# SPDX-License-Identifier: GPL-3.0-or-later
"""What drivers throw, in one line that says what to do."""

import re

from percast.errors import one_line
from percast.flowgraphs.radios.config import RadioConfig

_LIST = "`percast devices` lists what is there"
# First match wins; {args} is " (ARGS)" or nothing.
_REMEDIES = (
    (
        r"resource.?busy|LIBUSB_ERROR_BUSY|already opened|claimed",
        "the radio is in use: end the other program (a HackRF cannot send and receive at once: "
        "take one board for each)",
    ),
    (
        r"insufficient permissions|LIBUSB_ERROR_ACCESS|access denied",
        "no permission to use the radio: install its udev rules (apt install libhackrf0 or "
        "libuhd4.3.0), join the group plugdev, and plug it in again",
    ),
    (
        r"could not find path for image|images? .*(not found|missing)|uhd_images_downloader",
        "UHD lacks the USRP's firmware: run `sudo uhd_images_downloader`",
    ),
    (
        r"No devices found for",
        "no USRP found{args}: plug it in, end programs that have it, or name it with --args; "
        f"{_LIST}",
    ),
    (
        r"HackRF device index|No device found with serial|no hackrf device matches|"
        r"HACKRF_ERROR_NOT_FOUND",
        "no HackRF found{args}: plug it in, end programs that have it, or name it with --args; "
        f"{_LIST}",
    ),
    (r"No devices specified", f"gr-osmosdr finds no radio{{args}}: name it with --args; {_LIST}"),
    (
        r"Device::make\(\) no match|device matches|not.?found|no devices? |no .* device|"
        r"device index",
        f"no radio found{{args}}: name it with --args, such as driver=hackrf; {_LIST}",
    ),
    (
        r"[Uu]nsupported number of channels|channels? available|[Ww]rong number of channels|"
        r"channel \d+ out of range",
        "this radio {can} on no such channel: choose another with --args or --channels",
    ),
    (
        r"HACKRF_ERROR|LIBUSB_ERROR|libusb|usb",
        "the radio does not answer: unplug it, plug it in again, and try another cable or port",
    ),
)


def explain(error: Exception, config: RadioConfig, transmit: bool) -> str:
    """One line for a driver's error while it opens or sets up a radio."""
    text = one_line(error, None)
    args = f" (--args {config.args})" if config.args else ""
    can = "transmits" if transmit else "receives"
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text, re.IGNORECASE):
            return remedy.format(args=args, can=can)
    if isinstance(error, ValueError | IndexError):
        return f"the radio refuses this{args}: {text[:160]}"
    return f"the radio cannot be opened{args}: {text[:160]}; {_LIST}"
