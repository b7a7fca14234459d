# SPDX-License-Identifier: GPL-3.0-or-later
"""What the NVIDIA driver says of the GPUs here. It asks libcuda itself, so no package is needed."""

import ctypes
from dataclasses import dataclass

_SUCCESS, _NO_DEVICE = 0, 100
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Gpu:
    """One device.

    Attributes:
        index: in CUDA's order.
        name: as sold.
        target: its compute capability in the words of `percast engine build --target`, "sm86".
    """

    index: int
    name: str
    target: str


class NoGpu(Exception):
    """There is no usable GPU; the message says what lacks."""


def first_gpu() -> Gpu:
    """The device that engines run on: CUDA's first, which CUDA_VISIBLE_DEVICES may choose.

    Raises:
        NoGpu: no driver, one that does not work, or no device.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise NoGpu("no NVIDIA driver") from error
    status = cuda.cuInit(0)
    count = ctypes.c_int()
    if status == _SUCCESS:
        status = cuda.cuDeviceGetCount(ctypes.byref(count))
    if status == _NO_DEVICE or (status == _SUCCESS and count.value == 0):
        raise NoGpu("no NVIDIA GPU")
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    major, minor = ctypes.c_int(), ctypes.c_int()
    status = (
        status
        or cuda.cuDeviceGet(ctypes.byref(device), 0)
        or cuda.cuDeviceGetName(name, len(name), device)
        or cuda.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or cuda.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    if status != _SUCCESS:
        raise NoGpu(f"the NVIDIA driver does not work (CUDA error {status})")
    return Gpu(0, name.value.decode(errors="replace"), f"sm{major.value}{minor.value}")
