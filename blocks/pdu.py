# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between blocks: a dictionary and an array of bytes, as GNU Radio PDUs.

The bytes travel as a u8vector built by `pmt.deserialize_str`, because `pmt.init_u8vector`
takes 148 ms for a 768x512 picture and this takes 0.2 ms.
"""

import struct

import numpy as np
import pmt

# The last message of a stream of pictures, and the tag on the last sample of a stream.
# GNU Radio's own end of stream is not used: it stops blocks that still have messages waiting.
END = pmt.intern("percast-end")
_U8VECTOR = b"\x0a\x00"
_U8VECTOR_HEADER_BYTES = 8


def to_pdu(meta: dict, data: bytes) -> pmt.pmt_base:
    """A PDU of a dictionary (str, int, float, None, bool values) and bytes."""
    vector = _U8VECTOR + struct.pack(">I", len(data)) + b"\x01\x00" + data
    return pmt.cons(pmt.to_pmt(meta), pmt.deserialize_str(vector))


def from_pdu(pdu: pmt.pmt_base) -> tuple[dict, np.ndarray]:
    """Inverse of `to_pdu`; the data as uint8 [n], read-only.

    Raises:
        ValueError: not such a PDU.
    """
    if not pmt.is_pair(pdu) or not pmt.is_u8vector(pmt.cdr(pdu)):
        raise ValueError("expected a PDU: a pair of a dictionary and a u8vector")
    data = np.frombuffer(
        pmt.serialize_str(pmt.cdr(pdu)), np.uint8, offset=_U8VECTOR_HEADER_BYTES
    )
    return pmt.to_python(pmt.car(pdu)) or {}, data


def is_end(message: pmt.pmt_base) -> bool:
    return pmt.eq(message, END)
