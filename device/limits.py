"""Every number of the client.

Those of spec 20 stand in ``recovery/objectives.py`` too, which this room may not import; a test holds both equal.
"""

from typing import Final

# Spec 20, "Backup Schedule": local auto-backup, 7 days.
KEEP_DAYS: Final = 7

FORMAT_VERSION: Final = 1

# On databases of transactions level 2 comes out no larger than level 3, and takes two thirds of its time.
ZSTD_LEVEL: Final = 2
# Two workers, in jobs of 1 MiB: a tenth of the memory of zstd's own choice, and as small to 0.2 %.
ZSTD_THREADS: Final = 2
ZSTD_JOB_BYTES: Final = 1024 * 1024
# A window of 256 KiB stays in a core's own cache: a tenth faster at this level, for 1 % more bytes.
ZSTD_WINDOW_LOG: Final = 18
# The largest window a reader allows, which bounds its memory: what zstd -19 uses.
ZSTD_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024

# Of a read or a write of files and streams.
CHUNK_BYTES: Final = 256 * 1024
# Of a backup that is being written, how much is synced and read back at once: large enough that storage is not asked
# often, small enough that little is left to wait for at the end.
READ_BACK_BYTES: Final = 8 * 1024 * 1024

# age's payload: a nonce, then chunks of plaintext, each with a tag. https://c2sp.org/age
AGE_NONCE_BYTES: Final = 16
AGE_CHUNK_BYTES: Final = 64 * 1024
AGE_TAG_BYTES: Final = 16
# A header has some 100 bytes a recipient; whoever sends more wants our memory.
AGE_MAX_HEADER_BYTES: Final = 64 * 1024

# A manifest has some 100 bytes and as many for each table.
MANIFEST_MAX_BYTES: Final = 1024 * 1024
# What the size field of a POSIX tar header can say: 11 octal digits.
DATABASE_MAX_BYTES: Final = 8**11 - 1
# tar(1) fills its last record of 20 blocks of 512 bytes with zeros.
TAR_RECORD_BYTES: Final = 20 * 512

# How long to wait for a database that another program writes to.
DATABASE_TIMEOUT_SECONDS: Final = 10.0

# 24 letters of Crockford's base 32, 5 bits each: 120 bits, far beyond guessing even without scrypt.
PASSPHRASE_GROUPS: Final = 6
PASSPHRASE_GROUP_LETTERS: Final = 4

# Of a request to the cloud: to connect, and until the next bytes arrive.
CLOUD_TIMEOUTS_SECONDS: Final = (10.0, 60.0)
# What passes is tried again after about 0.5, 1, 2, 4, 8 and 16 s.
CLOUD_ATTEMPTS: Final = 7
SHORTEST_WAIT_SECONDS: Final = 0.5
# A server that asks to wait longer is not waited for: the command says when to come back.
LONGEST_WAIT_SECONDS: Final = 30.0
# A token is renewed this long before its time is over, as long as a request may take.
TOKEN_LEEWAY_SECONDS: Final = 60.0
# What S3 allows a clock to be off is 15 minutes; issuers allow less.
CLOCK_SKEW_SECONDS: Final = 5 * 60.0
LOGIN_TIMEOUT_SECONDS: Final = 5 * 60.0
# Where the browser comes back to. Issuers like Cognito take only addresses that were registered to the letter; three,
# for when a port is taken.
LOGIN_PORTS: Final = (47821, 47822, 47823)

# A day's backup falls due in the night, when most devices are charged and idle: from 1 to 5 o'clock of local time, at a
# minute that differs from device to device and from day to day. One that was off then catches up.
DAILY_WINDOW_START_HOUR: Final = 1
DAILY_WINDOW_HOURS: Final = 4
# Timers look every hour whether it is time, and spread that too.
SCHEDULE_SPREAD_MINUTES: Final = 15
