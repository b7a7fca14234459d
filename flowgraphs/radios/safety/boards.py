# SPDX-License-Identifier: GPL-3.0-or-later
"""The HackRFs of this computer, through libhackrf itself. Runs without the rest of percast, too."""

import ctypes
import time

_LIBRARY = "libhackrf.so.0"
_RETRY = 0.1  # seconds


class _List(ctypes.Structure):
    _fields_ = [
        ("serial_numbers", ctypes.POINTER(ctypes.c_char_p)),
        ("usb_board_ids", ctypes.POINTER(ctypes.c_int)),
        ("usb_device_index", ctypes.POINTER(ctypes.c_int)),
        ("devicecount", ctypes.c_int),
        ("usb_devices", ctypes.c_void_p),
        ("usb_devicecount", ctypes.c_int),
    ]


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    library.hackrf_device_list.restype = ctypes.POINTER(_List)
    library.hackrf_device_list_free.argtypes = [ctypes.POINTER(_List)]
    library.hackrf_device_list_open.argtypes = [
        ctypes.POINTER(_List),
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_void_p),
    ]
    library.hackrf_close.argtypes = [ctypes.c_void_p]
    return None if library.hackrf_init() else library


def serial_numbers() -> list[str]:
    """Of all boards that are attached, in libhackrf's order; opens none. Without it, none."""
    if (library := _library()) is None or not (found := library.hackrf_device_list()):
        return []
    numbers = _numbers(found.contents)
    library.hackrf_device_list_free(found)
    return numbers


def _numbers(found: _List) -> list[str]:
    return [(found.serial_numbers[i] or b"").decode() for i in range(found.devicecount)]


def switch_off(name: str, seconds: float) -> bool | None:
    """Switch boards off that no program has, and that should have been: to open a board and to
    close it sends it the command.

    Args:
        name: end of a serial number, or an index; "" for all boards.
        seconds: to wait for boards that another program has: the one that ended may still hold it.

    Returns:
        True when all were; None when there is none.
    """
    end = time.monotonic() + seconds
    while True:
        off = _try_off(name)
        if off is not False or time.monotonic() > end:
            return off
        time.sleep(_RETRY)


def _try_off(name: str) -> bool | None:
    if (library := _library()) is None or not (found := library.hackrf_device_list()):
        return None
    results = []
    for i, serial in enumerate(_numbers(found.contents)):
        if str(i) == name or (len(name) != 1 and serial.endswith(name.lower())):
            device = ctypes.c_void_p()
            opened = library.hackrf_device_list_open(found, i, ctypes.byref(device)) == 0
            results.append(opened and library.hackrf_close(device) == 0)
    library.hackrf_device_list_free(found)
    return all(results) if results else None
