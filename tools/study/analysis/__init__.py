# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of a study say.

rule       who is left out, by what was fixed beforehand
tally      who preferred what, as arrays
draws      bootstrap over observers and over pictures at once
scores     Bradley-Terry scores and shares
equality   the bandwidth at which two codes are equally good; `saved` what that saves
results    all of that, with and without those who were left out
synthetic  observers with known preferences, for `power` and for tests
config     the settings
report     one page; `export` the raw answers, `people` who gave them
"""
