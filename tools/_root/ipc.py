# SPDX-License-Identifier: GPL-3.0-or-later
"""ZeroMQ addresses that are paths: what lies there is looked at before a socket is bound."""

import errno
import os
import socket
import stat


def check_free(address: str) -> None:
    """Refuse an ipc:// address where something lies that is not ours to remove.

    ZeroMQ removes whatever has the name, a user's file or the socket of a link that is running,
    and says nothing. Only the socket of a process that is no more may go. Other addresses pass:
    of those ZeroMQ itself says that they are taken.

    Raises:
        OSError: with a `strerror` to be read after the address.
    """
    scheme, _, path = address.partition("://")
    if scheme != "ipc" or path.startswith(("@", "*")):  # "@": no file; "*": ZeroMQ finds a name
        return
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise FileExistsError(errno.EEXIST, "a file lies there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.setblocking(False)  # somebody who is busy is there, too
        try:
            knock.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return  # left behind by a process that was killed
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, "somebody listens there already")
