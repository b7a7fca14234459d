# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the live page."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from percast.settings import SettingError, Settings, setting


@dataclass(frozen=True)
class ViewConfig(Settings):
    """Whether and where a running link is shown.

    Args:
        view: show it.
        host: address to listen on. Whoever comes to another than this machine's own needs the
            token that is printed at the start.
        port: TCP port; 0 for any that is free.
        qt: show it in GNU Radio's own windows, too.
    """

    group = "view"

    view: bool = setting(False, "--view", "show the running link on a web page")
    host: str = setting(
        "127.0.0.1", "--view-host",
        "address of the page; others than this machine's own need the token that is printed "
        "(default %(default)s)", metavar="ADDRESS", parse=str,
    )  # fmt: skip
    port: int = setting(
        8765, "--view-port", "port of the page, 0 = any that is free (default %(default)s)",
        metavar="PORT", parse=int, least=0, most=65535, whole=True,
    )  # fmt: skip
    qt: bool = setting(False, "--qt", "show the running link in windows of GNU Radio's (gr-qtgui)")

    def check(self) -> Iterator[SettingError]:
        if self.host != "localhost" and _address(self.host) is None:
            reason = f"{self.host}: give an IP address, such as 127.0.0.1 or 0.0.0.0"
            yield SettingError("host", reason)

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        address = _address(self.host)
        return address is None or address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
