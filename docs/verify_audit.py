#!/usr/bin/env python3
"""Checks an export of Karamail's operation record (操作記録) without Karamail.

    python3 verify_audit.py FOLDER --key KEY [--key KEY …] [--checkpoint FILE …] [--keep-days 1096]

FOLDER is what `karamail audit export` wrote. KEY is the log's public key as it stands on paper or in the
mails to the ward (name+id+key); the keys of witnesses may be added. "name+id+key until 1234" is one that
was exchanged when there were 1234 records: it counts for them, and no further. FILE is a checkpoint that you
kept, such as the attachment of a mail: with it a record that was rolled back or rewritten as a whole is found
too.

Prints what was checked, or the first difference. Exit code 0: all is as it was signed; 3: it is not; 2:
wrong usage or unreadable files. Needs Python 3.10 and the package `cryptography`, nothing else: read it,
it is short.

How it works. Each line of records.jsonl is hashed as it is: SHA-256(0x00 + line). The hashes are the
leaves of a tree (RFC 6962). A checkpoint says: so many leaves have this root; it is signed (Ed25519, as
c2sp.org/signed-note says). A line that is only a hash in quotes stands for a record whose time was over.
"""

import argparse
import base64
import json
import struct
import sys
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OK, USAGE, DIFFERENT = 0, 2, 3
EPOCH, MICRO = datetime(1970, 1, 1), timedelta(microseconds=1)  # noqa: DTZ001
APART = 3600 * 1_000_000  # clocks agree better than that
ROUND_ROWS, ROUND_CHARACTERS = 20_000, 32_000_000  # where more came at once, older ones were still waiting


class Different(Exception):
    """The first thing that is not as it was signed."""


def read_key(text):
    """(name, id, kind, public key, until); kind 1 is a log, 4 a witness."""
    text, _, until = text.strip().partition(" until ")
    name, identity, packed = text.split("+", 2)
    raw = base64.b64decode(packed, validate=True)
    if len(raw) != 33 or sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != identity:
        raise ValueError(f"not a key: {text}")
    public = Ed25519PublicKey.from_public_bytes(raw[1:])
    return name, bytes.fromhex(identity), raw[0], public, int(until or sys.maxsize)


def read_note(note, keys, what):
    """Size, root, time, signers of a checkpoint, and how many lines under it are no signatures.

    Raises Different when it is not signed by the log.
    """
    text, separator, signatures = note.partition("\n\n")
    text += "\n"
    lines = text.split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        at = datetime.strptime(lines[3], "time %Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)  # noqa: UP017
    except (IndexError, ValueError):
        raise Different(f"{what}: not a checkpoint") from None
    over = {key[1] for key in keys if size > key[4]}  # even if it was given twice
    keys = [key for key in keys if key[1] not in over]
    signed, wrong = [], []
    for line in signatures.removesuffix("\n").split("\n") if separator else ():
        try:
            signed += signers(line, text, keys)
        except ValueError as error:
            wrong.append(f"{what}: {error}")
    if (origin, 1) not in signed:
        why = f"; {wrong[0]}" if wrong else ""
        raise Different(
            f"{what}: not signed with the log's key (exchanged? --key 'KEY until NUMBER', too){why}"
        )
    return size, root, at, signed, wrong


def signers(line, text, keys):
    """Name and kind of the known key that a line is the signature of. Raises ValueError: it is none."""
    name, _, packed = line.removeprefix("— ").partition(" ")
    raw = base64.b64decode(packed, validate=True)
    if not line.startswith("— ") or len(raw) < 5 or base64.b64encode(raw).decode() != packed:
        raise ValueError("a line that is no signature")
    for known, identity, kind, public, _ in keys:
        if (known, identity) != (name, raw[:4]):
            continue
        message, signature = text.encode(), raw[4:]
        if kind == 4:
            seconds = struct.unpack(">Q", signature[:8])[0] if len(signature) == 72 else 0
            message, signature = f"cosignature/v1\ntime {seconds}\n{text}".encode(), signature[8:]
        try:
            public.verify(signature, message)
        except InvalidSignature:
            raise ValueError(f"the signature of {name} is wrong") from None
        return [(name, kind)]
    return []


class Tree:
    """The tree so far, as the roots of its complete subtrees (level, hash)."""

    def __init__(self):
        self.size, self.stack = 0, []

    def push(self, leaf):
        self.size += 1
        level = 0
        while self.stack and self.stack[-1][0] == level:
            leaf = sha256(b"\x01" + self.stack.pop()[1] + leaf).digest()
            level += 1
        self.stack.append((level, leaf))

    def root(self):
        if not self.stack:
            return sha256(b"").digest()
        root = self.stack[-1][1]
        for _, node in reversed(self.stack[:-1]):
            root = sha256(b"\x01" + node + root).digest()
        return root


def micros(when):
    """Microseconds since 1970, as a plain number."""
    return (when.replace(tzinfo=None) - EPOCH) // MICRO


def time_of(place, content):
    """When a record says that it was written; a moment that no calendar has stands there as a number."""
    text = content.partition(b'"at":"')[2].partition(b'"')[0].decode("ascii", "replace")
    try:
        return micros(datetime.fromisoformat(text[:-1])) if text.endswith("Z") else int(text)
    except ValueError:
        raise Different(f"the record at place {place} says no time that can be read") from None


def examined_by(place, content):
    """First and last place at which somebody says to have looked, and where he says it."""
    record = json.loads(content)
    first = last = record["object_id"]
    try:
        kept = json.loads(record["detail"])
        if isinstance(kept, dict) and type(kept.get("to")) is int:
            last = kept["to"]
    except (ValueError, RecursionError):
        pass
    return (first, last, place) if first is not None else (0, -1, place)


class Times:
    """Whether records were dated back behind a checkpoint signed without them, or ahead of their own.

    Somebody's word that he has looked counts for places before its own: nobody looks at what is not there.
    """

    BACK = "has a time before a checkpoint signed without it"
    AHEAD = "has a time after the checkpoint that it was sealed under"

    def __init__(self, signed):
        self.ahead = [(sys.maxsize, sys.maxsize), *reversed(signed)]  # the next checkpoint is the last one
        self.since, self.length, self.wrong, self.examined = None, 0, [], []

    def look(self, place, content):
        while self.ahead[-1][0] <= place:
            self.ahead.pop()
        at = time_of(place, content)
        self.length += len(content)
        if self.since is not None and at < self.since:
            self.wrong.append((place, self.BACK))
        elif at > self.ahead[-1][1] + APART:
            self.wrong.append((place, self.AHEAD))
        if b'"act":"record.examined"' in content and b'"zone":"cli"' in content:
            self.examined.append(examined_by(place, content))

    def signed(self, many, at):
        if many < ROUND_ROWS and self.length < ROUND_CHARACTERS:
            self.since = micros(at) - APART
        self.length = 0

    def check(self):
        for place, what in self.wrong:
            if not any(first <= place <= last < own for first, last, own in self.examined):
                raise Different(f"the record at place {place} {what}")


def read_checkpoints(folder, keys, kept):
    """All of them by size, how many are cosigned, and what stands under them and is no signature."""
    checkpoints, cosigned, wrong = [], 0, []
    with (folder / "checkpoints.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            size, root, at, signed, more = read_note(
                json.loads(line)["note"], keys, f"checkpoints.jsonl line {number}"
            )
            checkpoints.append((size, root, at, ""))
            cosigned += any(kind == 4 for _, kind in signed)
            wrong += more
    for path in kept:
        size, root, at, _, _ = read_note(path.read_text(encoding="utf-8"), keys, str(path))
        checkpoints.append((size, root, at, str(path)))
    checkpoints.sort(key=lambda each: each[0])
    return checkpoints, cosigned, wrong


def verify(folder, keys, kept, keep_days):
    """What was found, in words. Raises Different."""
    checkpoints, cosigned, wrong = read_checkpoints(folder, keys, kept)
    marks = iter(checkpoints)
    mark = next(marks, None)
    tree, good, missing, deletions = Tree(), 0, 0, []
    times = Times([(size, micros(at)) for size, _, at, where in checkpoints if not where])
    with (folder / "records.jsonl").open("rb") as file:
        for line in file:
            content = line.rstrip(b"\n")
            if content.startswith(b'"'):
                if missing != tree.size:
                    raise Different(f"the record at place {tree.size} is gone, and records before it are not")
                missing += 1
                tree.push(bytes.fromhex(content[1:-1].decode("ascii")))
            else:
                tree.push(sha256(b"\x00" + content).digest())
                times.look(tree.size - 1, content)
                if b'"act":"records.expired"' in content:
                    deletions.append((tree.size - 1, json.loads(content)))
            while mark is not None and mark[0] == tree.size:
                if tree.root() != mark[1]:
                    held = f"the checkpoint you kept ({mark[3]})" if mark[3] else "a signed checkpoint"
                    raise Different(
                        f"{held} of {mark[0]} records has another root: between place {good} and place "
                        f"{mark[0] - 1} a record was altered, deleted, put in between or moved"
                    )
                if not mark[3]:
                    times.signed(mark[0] - good, mark[2])
                good, mark = mark[0], next(marks, None)
    if mark is not None:
        held = f"the checkpoint you kept ({mark[3]})" if mark[3] else "a signed checkpoint"
        raise Different(f"{held} speaks of {mark[0]} records, and there are {tree.size}: the end is missing")
    if good != tree.size:
        raise Different(f"{tree.size - good} records at the end stand under no checkpoint")
    check_deletions(missing, deletions, checkpoints, keep_days)
    times.check()
    if wrong:
        raise Different(wrong[0])
    looked = f"{len(times.wrong)} say a wrong time; the vendor has looked at them.\n" if times.wrong else ""
    return (
        f"{tree.size} records ({missing} of them over time and deleted), {len(checkpoints) - len(kept)} "
        f"checkpoints ({cosigned} cosigned), {len(kept)} kept elsewhere: all is as it was signed.\n"
        f"{looked}root {base64.b64encode(tree.root()).decode()}"
    )


def check_deletions(missing, deletions, checkpoints, keep_days):
    """Only what was older than `keep_days` when its deletion was signed may be gone."""
    if not missing:
        return
    allowed = 0
    for place, record in deletions:
        said_at = next(
            then for size, _, then, _ in checkpoints if size > place
        )  # signed; the record's own is not
        old = [then for size, _, then, _ in checkpoints if size == record["object_id"]]
        if record["zone"] == "cli" and any(then <= said_at - timedelta(days=keep_days) for then in old):
            allowed = max(allowed, record["object_id"])
    if missing > allowed:
        raise Different(
            f"the records before place {missing} are gone before their time, or nobody recorded it"
        )


def main():
    parser = argparse.ArgumentParser(description="Checks an export of Karamail's operation record.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", action="append", required=True, help="name+id+key; may be repeated")
    parser.add_argument("--checkpoint", action="append", type=Path, default=[], help="a note that you kept")
    parser.add_argument("--keep-days", type=int, default=1096, help="how long records must be kept")
    arguments = parser.parse_args()
    try:
        keys = [read_key(text) for text in arguments.key]
        print(verify(arguments.folder, keys, arguments.checkpoint, arguments.keep_days))
    except Different as found:
        print(f"DIFFERENT: {found}")
        return DIFFERENT
    except (OSError, ValueError, KeyError) as error:
        print(f"verify_audit: {error}", file=sys.stderr)
        return USAGE
    return OK


if __name__ == "__main__":
    sys.exit(main())
