# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between blocks: a dictionary and an array of bytes, as GNU Radio PDUs.

Bytes travel as a u8vector built by `pmt.deserialize_str`, because `pmt.init_u8vector` takes
148 ms for a 768x512 picture and this takes 0.2 ms. Text in the dictionary travels as UTF-8 in a
u8vector too: a PMT string is a symbol, and symbols are never freed.
"""

import struct

import numpy as np
import pmt

# The last message of a stream of pictures, and the tag on the last sample of a stream.
# GNU Radio's own end of stream is not used: it stops blocks that still have messages waiting.
END = pmt.intern("percast-end")
_U8VECTOR = b"\x0a\x00"
_U8VECTOR_HEADER_BYTES = 8


def _to_u8vector(data: bytes) -> pmt.pmt_base:
    return pmt.deserialize_str(_U8VECTOR + struct.pack(">I", len(data)) + b"\x01\x00" + data)


def _from_u8vector(vector: pmt.pmt_base) -> np.ndarray:
    return np.frombuffer(pmt.serialize_str(vector), np.uint8, offset=_U8VECTOR_HEADER_BYTES)


def to_pdu(meta: dict, data: bytes) -> pmt.pmt_base:
    """A PDU of a dictionary (str, int, float, None, bool values) and bytes."""
    fields = pmt.make_dict()
    for key, value in meta.items():
        is_text = isinstance(value, str)
        item = _to_u8vector(value.encode()) if is_text else pmt.to_pmt(value)
        fields = pmt.dict_add(fields, pmt.intern(key), item)
    return pmt.cons(fields, _to_u8vector(data))


def from_pdu(pdu: pmt.pmt_base) -> tuple[dict, np.ndarray]:
    """Inverse of `to_pdu`; the data as uint8 [n], read-only.

    Raises:
        ValueError: not such a PDU.
    """
    if not pmt.is_pair(pdu) or not pmt.is_u8vector(pmt.cdr(pdu)):
        raise ValueError("expected a PDU: a pair of a dictionary and a u8vector")
    meta = {}
    items = pmt.dict_items(pmt.car(pdu))
    for i in range(pmt.length(items)):
        key, item = pmt.car(pmt.nth(i, items)), pmt.cdr(pmt.nth(i, items))
        is_text = pmt.is_u8vector(item)
        value = _from_u8vector(item).tobytes().decode() if is_text else pmt.to_python(item)
        meta[pmt.symbol_to_string(key)] = value
    return meta, _from_u8vector(pmt.cdr(pdu))


def is_end(message: pmt.pmt_base) -> bool:
    return pmt.eq(message, END)
