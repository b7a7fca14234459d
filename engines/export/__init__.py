# SPDX-License-Identifier: GPL-3.0-or-later
"""From a training run's weights to networks that run without torch.

- `export`: a model folder, checked (`python -m percast.engines.export`); `onnx_graph` needs torch
- `quantise`: networks in int8; needs NNCF
"""
