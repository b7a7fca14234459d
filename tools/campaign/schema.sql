-- SPDX-License-Identifier: GPL-3.0-or-later
-- The store of a campaign. docs/campaigns.md says what each column is.
-- A shot is one transmission; its cells are what is decoded of it, one for each realism. realism is
-- NULL of codecs that have none.

CREATE TABLE frozen (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;  -- value: JSON

CREATE TABLE pictures (                 -- one that comes several times is here once
    sha256 TEXT PRIMARY KEY,            -- of the samples, uint8 [H, W, 3]
    number INTEGER NOT NULL UNIQUE,     -- where it comes first, and its name there
    name TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    image BLOB NOT NULL                 -- PNG
);

CREATE TABLE source (                   -- what is sent, in the source's own order
    number INTEGER PRIMARY KEY,         -- from 0; headers and channels count by it
    picture TEXT NOT NULL REFERENCES pictures (sha256),
    name TEXT NOT NULL
);

CREATE TABLE conditions (
    condition INTEGER PRIMARY KEY,
    codec TEXT NOT NULL,
    model TEXT NOT NULL,
    cbr TEXT NOT NULL,                  -- nominal, as a fraction
    design_snr_db REAL NOT NULL,
    channel TEXT NOT NULL,
    delay_spread_s REAL,
    doppler_hz REAL,
    snr_db_set REAL,
    gain_db REAL,
    settings TEXT NOT NULL              -- JSON: all else that opens codec and channel; model_id
);

CREATE TABLE shots (
    shot INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE,        -- place in time
    picture TEXT NOT NULL REFERENCES pictures (sha256),
    number INTEGER NOT NULL REFERENCES source (number),
    repeat INTEGER NOT NULL,
    condition INTEGER NOT NULL REFERENCES conditions (condition),
    seed INTEGER NOT NULL               -- of the channel
);

CREATE TABLE cells (
    cell INTEGER PRIMARY KEY,
    shot INTEGER NOT NULL REFERENCES shots (shot),
    realism REAL,
    UNIQUE (shot, realism)
);

CREATE TABLE arrivals (                 -- of every shot that is done
    shot INTEGER PRIMARY KEY REFERENCES shots (shot),
    received INTEGER NOT NULL,
    error TEXT,
    cbr_sent REAL,
    overhead REAL,
    symbols INTEGER,
    erased INTEGER,
    snr_db_measured REAL,
    evm_db REAL,
    freq_offset_hz REAL,
    clock_ppm REAL,
    gain_db_took REAL,
    encode_s REAL,
    air_s REAL,
    sent_at REAL,
    received_at REAL,
    attempts INTEGER NOT NULL,
    done_at REAL NOT NULL,
    worker TEXT
);

CREATE TABLE equalised (                -- where the plan keeps symbols
    shot INTEGER PRIMARY KEY REFERENCES shots (shot),
    coded TEXT NOT NULL,                -- JSON: what the header says
    symbols BLOB NOT NULL,              -- complex64, zlib
    noise_var BLOB NOT NULL             -- float32, zlib
);

CREATE TABLE passes (                   -- decode 0 is the run itself, others are `remetric`
    decode INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    settings TEXT NOT NULL              -- JSON
);

CREATE TABLE decodes (
    cell INTEGER NOT NULL REFERENCES cells (cell),
    decode INTEGER NOT NULL REFERENCES passes (decode),
    realism REAL,
    model TEXT NOT NULL,
    undecodable INTEGER NOT NULL,
    error TEXT,
    decode_s REAL,
    psnr_db REAL,
    ms_ssim REAL,
    lpips REAL,
    lpips_vgg REAL,
    dists REAL,
    image BLOB,                         -- PNG, or NULL where the plan keeps no pictures
    PRIMARY KEY (cell, decode)
) WITHOUT ROWID;

CREATE TABLE events (at REAL NOT NULL, text TEXT NOT NULL);
