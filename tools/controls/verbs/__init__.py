# SPDX-License-Identifier: GPL-3.0-or-later
"""One endpoint a file; see `percast.tools.controls.table`.

- `source`, `rate`: what the transmitter sends, and for which channel; `channel`: the loopback's
- `freq`, `gain`: of a radio
- `engine`, `realism`, `pause`: what computes the pictures, the dial, and a picture that stays
- `record`, `save`: what is heard from now on, and the last seconds
"""
