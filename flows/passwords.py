"""Passwords: which are taken, and how they are kept, so that nobody learns one from the database.

`scrypt$17$8$1$<salt>$<hash>` is kept: the costs stand in it, so that they may rise later.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass

from flows.errors import AccountError

LEAST_CHARACTERS = 12
"""Shorter ones are guessed from a stolen database, whatever it costs to try one."""

MOST_CHARACTERS = 256
"""Room for any sentence; hashing more would be work that somebody else chooses."""

LEAST_DIFFERENT = 5
"""Different characters of a password: `abababababab` is no twelve."""

SALT_BYTES = 16
"""NIST SP 800-132 asks for 128 bits."""

HASH_BYTES = 32

KEYBOARD_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)
"""What fingers run along; a run of six in either direction counts as one character."""

RUN = 6

OBVIOUS = (
    "password",
    "passwort",
    "passphrase",
    "letmein",
    "welcome",
    "changeme",
    "administrator",
    "admin",
    "tallymark",
    "examoffice",
    "iloveyou",
    "secret",
)
"""Words that every list of passwords begins with, and our own name. What is left without them has to stand alone."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What trying one password costs: 2 ** `log_n` rounds of `r` * 128 bytes, `p` times."""

    log_n: int
    r: int
    p: int


COST = Cost(log_n=17, r=8, p=1)
"""128 MiB and some tenths of a second: the first choice of the OWASP Password Storage Cheat Sheet for scrypt (N = 2^17,
r = 8, p = 1)."""

MOST_MEMORY = 512 * 1024 * 1024
"""Bytes that scrypt may use; it refuses more. `COST` needs 128 MiB and a little."""


def check_password(password: str, name: str) -> str:
    """Return a password that may be taken for an account.

    Raises:
        AccountError: it is too short, too long, or among the first that anybody would try; it is not repeated.
    """
    password = unicodedata.normalize("NFKC", password)
    if len(password) < LEAST_CHARACTERS:
        raise AccountError(f"a password has at least {LEAST_CHARACTERS} characters; four words make a good one")
    if len(password) > MOST_CHARACTERS:
        raise AccountError(f"a password has at most {MOST_CHARACTERS} characters")
    if not password.isprintable():
        raise AccountError("a password cannot hold control characters, such as a tabulator")
    left = _without_the_obvious(password.casefold(), name.casefold())
    if len(set(left)) < LEAST_DIFFERENT or len(left) < LEAST_CHARACTERS // 2:
        raise AccountError(
            "this password is among the first that anybody would try (the name, a common word, a run of keys, or few "
            "different characters); four words that have nothing to do with each other make a good one"
        )
    return password


def _without_the_obvious(password: str, name: str) -> str:
    """Return what is left of a password without words and runs that everybody thinks of."""
    names = [part for part in (name, *name.split()) if len(part) > 2]
    for word in (*names, *OBVIOUS):
        password = password.replace(word, "")
    for row in KEYBOARD_ROWS:
        for keys in (row, row[::-1]):
            for length in range(len(keys), RUN - 1, -1):
                for start in range(len(keys) - length + 1):
                    password = password.replace(keys[start : start + length], keys[start])
    return re.sub(r"(.)\1{2,}", r"\1", password)


def hash_password(password: str, cost: Cost = COST) -> str:
    """Return what is kept of a password."""
    salt = secrets.token_bytes(SALT_BYTES)
    kept = (b64encode(part).decode() for part in (salt, _scrypt(password, salt, cost)))
    return "$".join(("scrypt", str(cost.log_n), str(cost.r), str(cost.p), *kept))


def is_password(password: str, kept: str) -> bool:
    """Tell whether a password is the one of which `kept` is kept; takes as long whether it is or not."""
    kind, log_n, r, p, salt, wanted = kept.split("$")
    if kind != "scrypt":
        raise ValueError(f"a password is kept as {kind!r}, which this Tallymark does not know")
    found = _scrypt(password, b64decode(salt), Cost(int(log_n), int(r), int(p)))
    # HMAC, on which scrypt rests, does not tell a password from the same one with zeros behind it.
    return hmac.compare_digest(found, b64decode(wanted)) and "\0" not in password


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    data = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=2**cost.log_n, r=cost.r, p=cost.p, maxmem=MOST_MEMORY, dklen=HASH_BYTES)
