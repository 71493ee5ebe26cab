# SPDX-License-Identifier: ISC
"""Random lists of calls, made plain and under mpshim (tests/diff/spin.h).

usage: spin.py --plain WORDS --other WORDS --exceptions FILE [-n LISTS]
    [-s SEED] [-k KINDS] [FILE...]

Prints each list that differs, shrunk, and at last `N passed, N failed'.
"""
import argparse
import random
import re
import shlex
import subprocess
import sys
import time

FIRST_PORT, LAST_PORT, PORTS = 12000, 31000, 4
CALLS = 9  # of a list, at most
# How often each call is made, in shares.
SHARES = dict(bind=5, connect=8, unspec=3, names=5, send=8, write=3, sendto=8,
              sendmsg=5, sendmmsg=3, fork=0.3, recv=8, read=3, recvfrom=8,
              recvmsg=8, recvmmsg=3, poll=3, select=1, epoll=1, ioctl=3,
              shutdown=2, dup=2, dup2=1, renew=2, fcntl=1, set=8, get=4)
SHOWN = 30  # lists that are shown


class Ended(Exception):
    """A program ended within a list."""


class Program:
    """A run of `diff -s KIND'."""

    def __init__(self, words, kind):
        self.words = shlex.split(words) + [kind]
        self.p = None

    def make(self, port, calls, ready=""):
        """The lines of a list."""
        if self.p is None:
            self.p = subprocess.Popen(self.words, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True,
                                      encoding="latin-1")
        lines = []
        try:
            self.p.stdin.write(f"{port}\t{' '.join(calls)}\t{ready}\n")
            self.p.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.p.stdout:
            if line == "END\n":
                return lines
            lines.append(line.rstrip("\n"))
        status = self.p.wait()
        self.p = None
        return lines + [f"(the program ended: {status})"]


def label(line):
    """Number, letter and name of the call of a line."""
    found = re.match(r"spin/(\d+)-(.)-([a-z0-9]+)/", line)
    return found.groups() if found else ("", "", "")


def kind_of(call):
    """A call with what exceptions may ask of its arguments (spin_calls.c)."""
    name, _, a, b, _ = call.split(".")
    if name == "connect" and int(a) % 8 in (4, 5, 6):
        return "connect+own"
    if name == "sendto" and int(call.split(".")[4]) % 8 in (4, 5, 6) or \
            name == "sendmsg" and int(call.split(".")[4]) // 8 % 8 in (4, 5, 6):
        return name + "+own"
    if name.startswith("send") and int(b) % 14 == 11:
        return name + "+more"
    return name


class Pair:
    """The two runs of a kind."""

    def __init__(self, args, kind):
        self.kind = kind
        self.plain = Program(args.plain, kind)
        self.other = Program(args.other, kind)
        self.port = FIRST_PORT
        self.exceptions = args.rows

    def allowed(self, calls, a, b):
        """Does an exception name that difference?"""
        number, ready, name = label(a)
        if ready != label(b)[1]: # before the call
            x = y = "READY"
        else:
            x, y = (line.partition(": ")[2] for line in (a, b))
        number = int(number or 0)
        before = set()
        for call in calls[:number]:
            before |= {call.split(".")[0], kind_of(call)}
        if sum(c.split(".")[0] in ("connect", "unspec")
               for c in calls[:number]) > 1:
            before.add("reconnect")
        names = {"*", name}
        if number < len(calls):
            names.add(kind_of(calls[number]))
        return any(row[0] in names and
                   (row[1] == "-" or before & set(row[1].split(","))) and
                   re.match(row[2], x) and re.match(row[3], y)
                   for row in self.exceptions)

    def differ(self, calls):
        """The first line that differs, as (plain, other); None: none does."""
        self.port += PORTS
        if self.port >= LAST_PORT:
            self.port = FIRST_PORT
        a = self.plain.make(self.port, calls)
        ready = "".join(label(line)[1] for line in a if label(line)[1])
        b = self.other.make(self.port, calls, ready)
        for x, y in zip(a + ["(nothing)"] * len(b), b + ["(nothing)"] * len(a)):
            if x != y:
                # What follows an exception may differ by it.
                return None if self.allowed(calls, x, y) else (x, y)
        return None

    def shrink(self, calls, first):
        """The least list that differs at the same call."""
        name = label(first[0])[2]

        def still(trial):
            found = self.differ(trial)
            return found if found and label(found[0])[2] == name else None

        found, again = first, True
        while again:
            again = False
            for i in reversed(range(len(calls))):
                trial = calls[:i] + calls[i + 1:]
                now = trial and still(trial)
                if now:
                    calls, found, again = trial, now, True
        for i, call in enumerate(calls):
            words = call.split(".")
            for j in range(len(words) - 1, 0, -1):
                if words[j] == "0":
                    continue
                trial = calls[:i] + [".".join(words[:j] + ["0"] +
                                              words[j + 1:])] + calls[i + 1:]
                now = still(trial)
                if now:
                    calls, found = trial, now
                    words[j] = "0"
        return calls, found


def a_list(rng):
    """A random list."""
    names, shares = list(SHARES), list(SHARES.values())
    return [f"{name}.{rng.choice((0, 0, 0, 0, 1, 1, 2))}.{rng.randrange(256)}"
            f".{rng.choice((0, 0, rng.randrange(256)))}"
            f".{rng.randrange(256)}"
            for name in rng.choices(names, shares, k=rng.randint(2, CALLS))]


def read_rows(name):
    """The exceptions: (call, after, plain, other)."""
    with open(name, encoding="utf-8") as f:
        return [tuple(line.split(None, 4)[:4]) for line in f
                if line.strip() and not line.startswith("#")]


def read_lists(names):
    """The lists of files: (kind, calls)."""
    for name in names:
        with open(name, encoding="utf-8") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    kind, *calls = line.split()
                    yield kind, calls


def lists(args):
    """(kind, calls), from files or at random."""
    if args.files:
        yield from read_lists(args.files)
        return
    rng = random.Random(args.s)
    for i in range(args.n):
        yield args.k[i % len(args.k)], a_list(rng)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--plain")
    p.add_argument("--other")
    p.add_argument("--exceptions")
    p.add_argument("-n", type=int, default=1000)
    p.add_argument("-s", type=int, default=int(time.time()))
    p.add_argument("-k", default="46m")
    p.add_argument("-v", action="store_true")
    p.add_argument("files", nargs="*")
    args = p.parse_args()
    args.rows = read_rows(args.exceptions)
    pairs, passed, failed, seen = {}, 0, 0, {}
    began = time.time()
    if not args.files:
        print(f"seed {args.s}", flush=True)
    for kind, calls in lists(args):
        if args.v:
            print(f"{time.time() - began:.3f} {kind} {' '.join(calls)}",
                  flush=True)
        if kind not in pairs:
            pairs[kind] = Pair(args, kind)
        found = pairs[kind].differ(calls)
        # Once more: a busy host may have been late.
        again = found and pairs[kind].differ(calls)
        if not found:
            passed += 1
            continue
        if not again:
            print(f"once only: {kind} {' '.join(calls)}\n    {found[0]}\n"
                  f"    {found[1]}", flush=True)
            passed += 1
            continue
        failed += 1
        if len(seen) >= SHOWN:
            continue
        if not args.files:
            calls, again = pairs[kind].shrink(calls, again)
        # One of each kind: the calls' names and what they return.
        key = " ".join([c.split(".")[0] for c in calls] + [
            re.sub(r"^\S+ |\d+", "", line) for line in again])
        if key not in seen:
            seen[key] = 1
            print(f"{kind} {' '.join(calls)}\n    plain: {again[0]}\n    other: {again[1]}",
                  flush=True)
    took = time.time() - began
    print(f"{passed + failed} lists in {took:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
