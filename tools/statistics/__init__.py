# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a figure is: intervals and comparisons over pictures, for campaigns and studies.

- `bootstrap`: intervals of anything that is computed from means over pictures
- `shares`: intervals of shares, as of pictures that arrived
- `differences`: paired differences, and how many of them may be chance
- `rate_curves`, `equal_quality`: bandwidth at equal quality, and its interval
- `wording`: shares and ratios in words, bounds rounded away from what they exclude
"""
