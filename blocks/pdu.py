# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between blocks: a dictionary and an array of bytes, as GNU Radio PDUs.

Bytes travel as a u8vector that is copied into once and read in place, by its address: what
`pmt.init_u8vector` and `pmt.u8vector_elements` make of every byte, a Python number, takes 148 ms
for a 768x512 picture. Text in the dictionary travels as UTF-8 in a
u8vector too: a PMT string is a symbol, and symbols are never freed.

A PMT cannot hold a Python object. What blocks hand each other as objects is packed and unpacked
here, and nowhere else.
"""

import ctypes
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pmt

from percast.blocks.waveform.header import Header

# On the first sample of every packet; the key that GNU Radio's radio sinks know as a burst.
PACKET_LEN = pmt.intern("packet_len")
# The last message of a stream of pictures, and the tag on the last sample of a stream.
# GNU Radio's own end of stream is not used: it stops blocks that still have messages waiting.
END = pmt.intern("percast-end")
# The tag on the first sample after a gap: samples are missing before it, nobody knows how many.
# Its value is the time at which that sample was heard, seconds since 1970, double, or nil.
GAP = pmt.intern("percast-gap")
# A USRP's, on the first sample of all, after tuning and after an overrun.
RX_TIME = pmt.intern("rx_time")
_LEFT_OUT = pmt.intern("percast-left-out")

_capsule_of = ctypes.pythonapi.PyCapsule_New
_capsule_of.restype = ctypes.py_object
_capsule_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_address_in = ctypes.pythonapi.PyCapsule_GetPointer
_address_in.restype = ctypes.c_void_p
_address_in.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Elements:
    """The bytes of a u8vector as numpy sees them, who keeps this, and so the vector, alive."""

    def __init__(self, vector: pmt.pmt_base):
        self.vector = vector
        self.__array_interface__ = {
            "data": (_address_in(pmt.blob_data(vector), None), True),
            "shape": (pmt.blob_length(vector),),
            "typestr": "|u1",
            "version": 3,
        }


def _to_u8vector(*parts: bytes | np.ndarray) -> pmt.pmt_base:
    """Of bytes, or contiguous arrays, one behind the other."""
    arrays = [np.frombuffer(part, np.uint8) for part in parts if len(part)]
    data = arrays[0] if len(arrays) == 1 else np.concatenate([*arrays, np.empty(0, np.uint8)])
    return pmt.make_blob(_capsule_of(data.ctypes.data, None, None), len(data))


def _from_u8vector(vector: pmt.pmt_base) -> np.ndarray:
    """Its bytes in place, uint8 [n], read-only."""
    return np.asarray(_Elements(vector)) if pmt.blob_length(vector) else np.empty(0, np.uint8)


def _bytes(vector: pmt.pmt_base) -> bytes:
    return _from_u8vector(vector).tobytes()


def _to_item(value: object) -> pmt.pmt_base:
    return _to_u8vector(value.encode()) if isinstance(value, str) else pmt.to_pmt(value)


def _from_item(item: pmt.pmt_base) -> object:
    return _bytes(item).decode() if pmt.is_u8vector(item) else pmt.to_python(item)


def _join(items: dict[str, pmt.pmt_base], *data: bytes | np.ndarray) -> pmt.pmt_base:
    fields = pmt.make_dict()
    for key, item in items.items():
        fields = pmt.dict_add(fields, pmt.intern(key), item)
    return pmt.cons(fields, _to_u8vector(*data))


def _split(pdu: pmt.pmt_base) -> tuple[dict[str, pmt.pmt_base], np.ndarray]:
    if not pmt.is_pair(pdu) or not pmt.is_u8vector(pmt.cdr(pdu)):
        raise ValueError("expected a PDU: a pair of a dictionary and a u8vector")
    listed = pmt.dict_items(pmt.car(pdu))
    pairs = [pmt.nth(i, listed) for i in range(pmt.length(listed))]
    items = {pmt.symbol_to_string(pmt.car(pair)): pmt.cdr(pair) for pair in pairs}
    return items, _from_u8vector(pmt.cdr(pdu))


def to_pdu(meta: dict, data: bytes) -> pmt.pmt_base:
    """A PDU of a dictionary (str, int, float, None, bool values) and bytes."""
    return _join({key: _to_item(value) for key, value in meta.items()}, data)


def from_pdu(pdu: pmt.pmt_base) -> tuple[dict, np.ndarray]:
    """Inverse of `to_pdu`; the data as uint8 [n], read-only.

    Raises:
        ValueError: not such a PDU.
    """
    items, data = _split(pdu)
    return {key: _from_item(item) for key, item in items.items()}, data


@dataclass(frozen=True)
class PictureSymbols:
    """One picture on the ports that are called `symbols`.

    As a PDU: a dictionary of "header", the packed header as a u8vector, and of the figures; the
    symbols as bytes, then the noise variances.

    Args:
        header: of the picture.
        symbols: complex64 [header.symbols], in latent order.
        noise_var: float32 [header.symbols]; empty before the air.
        figures: how they arrived (str, int, float, None, bool values).
    """

    header: Header
    symbols: np.ndarray
    noise_var: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    figures: dict = field(default_factory=dict)

    def to_pdu(self) -> pmt.pmt_base:
        items = {key: _to_item(value) for key, value in self.figures.items()}
        items["header"] = _to_u8vector(self.header.pack())
        return _join(items, self.symbols, self.noise_var)

    @classmethod
    def from_pdu(cls, pdu: pmt.pmt_base) -> Self:
        """Inverse of `to_pdu`; symbols and noise variances are read-only.

        Raises:
            ValueError: not such a PDU.
        """
        items, data = _split(pdu)
        packed = items.pop("header", pmt.PMT_NIL)
        header = Header.unpack(_bytes(packed)) if pmt.is_u8vector(packed) else None
        if header is None:
            raise ValueError("PDU without a valid packed header")
        symbols, noise_var = data[: 8 * header.symbols], data[8 * header.symbols :]
        if len(symbols) != 8 * header.symbols or len(noise_var) not in (0, 4 * header.symbols):
            raise ValueError(f"PDU of {len(data)} bytes for {header.symbols} symbols")
        figures = {key: _from_item(item) for key, item in items.items()}
        return cls(header, symbols.view(np.complex64), noise_var.view(np.float32), figures)


def left_out(image: int) -> pmt.pmt_base:
    """Says on a port that is called `symbols` that this picture will not come."""
    return pmt.cons(_LEFT_OUT, pmt.from_long(image))


def left_out_picture(message: pmt.pmt_base) -> int | None:
    """The picture that a message says will not come; None if it says something else."""
    if not pmt.is_pair(message) or not pmt.eq(pmt.car(message), _LEFT_OUT):
        return None
    return pmt.to_long(pmt.cdr(message))


def is_end(message: pmt.pmt_base) -> bool:
    return pmt.eq(message, END)
