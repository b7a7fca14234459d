# SPDX-License-Identifier: GPL-3.0-or-later
"""A digital link over the same air: a picture's bytes behind 5G's LDPC code and QAM.

- `codec`: the codecs `hevc-ldpc`, `vvc-ldpc`, `jpeg-ldpc` and `webp-ldpc`
- `sources`: pictures as at most so many bytes; `hevc`, `vvc` and `still` are the formats
- `schemes`: modulation and coding schemes, and the SNR that each needs; `measure` finds it out
- `transport`: a transport block as coded bits and back, with `crc`
- `ldpc`: the code itself, with its `base_graph`
- `modulation`: bits as QAM symbols, and symbols as log-likelihood ratios
"""
