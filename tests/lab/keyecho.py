#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Types keys through Mosh and measures when the echo of each is shown.

    keyecho.py [options] ADDRESS PORT

Runs mosh-server and mosh-client (without prediction), each behind the words
of --server and --client (a namespace, a wrapper), with a program on the
server that echoes keys.  Each key is a letter that is typed once and has its
own cell on the screen, so Mosh shows each key exactly once.  At given times
(--at) it runs commands in a shell.

Each such event begins a phase.  A key belongs to all phases in which its echo
was awaited.  Prints a line of `name value' pairs for each phase:

    phase       its number; 0 is before the first event
    at          when it began, seconds after the first key
    keys        how many keys belong to it
    median      of the echo times, in ms
    steady      the median of the keys typed in its second half, in ms
    worst       the longest echo time, in ms
    settle      seconds after which no two echoes in a row take more than 1.5
                times `steady'
    unanswered  keys whose echo was not shown
    what        the event's command; - for phase 0

A time is `never' if an echo was not shown, or if the echoes did not settle.
"""
import argparse
import codecs
import fcntl
import json
import os
import pty
import select
import shlex
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
import tty
import unicodedata

ROWS, COLUMNS = 50, 100
FIRST_ROW = 4  # Mosh's own messages cover the rows above
SETTLED = 1.5  # an echo is late above this many times `steady'
LETTERS = [chr(c)
           for first, last in ((0x100, 0x24f), (0x388, 0x52f), (0x1e00, 0x1eff))
           for c in range(first, last + 1)
           if unicodedata.category(chr(c)) in ("Ll", "Lu")]
END = b"\x04"
NEVER = "never"


def echo_program():
    """Runs on the server: shows each letter in its cell."""
    cells = {c: (FIRST_ROW + i // COLUMNS, 1 + i % COLUMNS)
             for i, c in enumerate(LETTERS)}
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    tty.setraw(0)
    os.write(1, b"\x1b[2J\x1b[HREADY")
    while True:
        data = os.read(0, 4096)
        if not data or END in data:
            return
        for c in decode(data):
            if c in cells:
                row, column = cells[c]
                os.write(1, f"\x1b[{row};{column}H{c}".encode())


class Mosh:
    """A Mosh session; read() returns what the client shows."""

    def __init__(self, options):
        self.pid = self.server = None
        key, port = self.start_server(options)
        env = dict(os.environ, MOSH_KEY=key, TERM="xterm",
                   MOSH_PREDICTION_DISPLAY="never", LC_ALL="C.UTF-8")
        words = shlex.split(options.client) + ["mosh-client",
                                               options.address, port]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ,
                        struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            try:
                os.execvpe(words[0], words, env)
            finally:
                os._exit(127)
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def start_server(self, options):
        """Starts mosh-server; returns the key and the port that it prints."""
        words = shlex.split(options.server) + [
            "mosh-server", "new", "-i", options.address, "-p", options.port,
            "--", sys.executable, os.path.abspath(__file__), "--echo"]
        server = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm"))
        found = None
        for line in server.stdout:
            if line.startswith("MOSH CONNECT "):
                found = line.split()
            if "detached, pid = " in line:
                self.server = int(line.split("pid = ")[1].strip("]\n "))
            if found and self.server:
                return found[3], found[2]
            if not line.startswith(("MOSH", "\n", "mosh", "Copy", "Lice",
                                    "This", "There", "[")):
                print("mosh-server:", line, end="", file=sys.stderr)
        raise SystemExit("keyecho: mosh-server did not start")

    def read(self):
        """Returns what is new on the screen; None if the client has ended."""
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        return self.decode(data) if data else None

    def wait_ready(self, seconds):
        """Waits until the echo program has printed READY."""
        end, seen = time.monotonic() + seconds, ""
        while "READY" not in seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise SystemExit("keyecho: no session: " + repr(seen[-300:]))
            text = self.read()
            if text is None:
                raise SystemExit("keyecho: mosh-client ended: " +
                                 repr(seen[-300:]))
            seen += text

    def end(self):
        """Ends the echo program, and after 2 s kills what is left."""
        try:
            os.write(self.fd, END)
        except OSError:
            pass
        end = time.monotonic() + 2
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0] and self.read() is None:
                break
        for pid in (self.pid, self.server):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(self.pid, 0)


class Events:
    """Commands for one shell, started before, so that none starts late."""

    def __init__(self, specs):
        self.todo = sorted((float(at), " ".join(command.split()))
                           for at, command in
                           (s.split(None, 1) for s in specs))
        self.done = []
        self.shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE,
                                      stdout=sys.stderr, text=True)

    def next(self):
        """When the next command is due, in seconds; infinity if none is."""
        return self.todo[0][0] if self.todo else float("inf")

    def run(self, now):
        """Starts the next command."""
        _, command = self.todo.pop(0)
        self.shell.stdin.write(command + " </dev/null\n")
        self.shell.stdin.flush()
        self.done.append((now, command))

    def end(self):
        """Waits for the last command."""
        self.shell.stdin.close()
        if self.shell.wait() != 0:
            raise SystemExit("keyecho: the last event failed")


def measure(mosh, events, options):
    """Types the keys; returns [typed, shown or None] of each, in seconds."""
    count = int(options.seconds / options.interval)
    if count > len(LETTERS):
        raise SystemExit(f"keyecho: more than {len(LETTERS)} keys")
    index = {c: i for i, c in enumerate(LETTERS[:count])}
    keys = []
    begin = time.monotonic()
    end = options.seconds + options.wait
    while True:
        now = time.monotonic() - begin
        if now >= end or (now >= options.seconds and events.next() > end and
                          all(k[1] is not None for k in keys)):
            return keys
        if now >= events.next():
            events.run(now)
        due = len(keys) * options.interval if len(keys) < count else end
        if now >= due:
            os.write(mosh.fd, LETTERS[len(keys)].encode())
            keys.append([now, None])
            continue
        left = min(due, events.next(), end) - now
        if not select.select([mosh.fd], [], [], max(left, 0))[0]:
            continue
        text, now = mosh.read(), time.monotonic() - begin
        if text is None:
            raise SystemExit("keyecho: mosh-client ended")
        for i in (index[c] for c in text if c in index):
            if i < len(keys) and keys[i][1] is None:
                keys[i][1] = now


def settle_time(keys, begin, end, steady):
    """Seconds from begin after which no two echoes in a row are late.

    A single late echo after punctual ones is due to the machine.  Keys typed
    less than the limit before the end do not count: the next event may have
    delayed them.
    """
    limit = SETTLED * steady
    last = begin
    late = before = True
    for typed, shown in keys:
        if typed + limit >= end:
            break
        before, late = late, shown is None or shown - typed > limit
        if late and before:
            last = typed
    after = [typed for typed, _ in keys if typed > last]
    if late and before or not after:
        return NEVER
    return round(max(0, min(after) - begin), 3) if last > begin else 0


def summary(keys, events, seconds):
    """Returns the phases, each a dict."""
    marks = [(0, "-")] + events
    ends = [at for at, _ in events] + [seconds]
    phases = []
    for n, ((at, what), end) in enumerate(zip(marks, ends)):
        mine = [k for k in keys if k[0] < end and (k[1] is None or k[1] > at)]
        echo = [k[1] - k[0] for k in mine if k[1] is not None]
        late = [k[1] - k[0] for k in mine
                if k[1] is not None and k[0] >= (at + end) / 2]
        unanswered = len(mine) - len(echo)
        steady = statistics.median(late) if late else 0
        phases.append({
            "phase": n, "at": round(at, 3), "keys": len(mine),
            "median": ms(statistics.median(echo)) if echo else NEVER,
            "steady": ms(steady) if late else NEVER,
            "worst": NEVER if unanswered or not echo else ms(max(echo)),
            "settle": settle_time(mine, at, end, steady),
            "unanswered": unanswered, "what": what})
    return phases


def ms(seconds):
    """Milliseconds, rounded to 0.1."""
    return round(1000 * seconds, 1)


def read_options():
    """The command line."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("address")
    parser.add_argument("port")
    parser.add_argument("--server", default="", metavar="WORDS")
    parser.add_argument("--client", default="", metavar="WORDS")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--interval", type=float, default=0.2)
    parser.add_argument("--settle", type=float, default=2,
                        help="seconds before the first key")
    parser.add_argument("--wait", type=float, default=3,
                        help="seconds for the last echoes")
    parser.add_argument("--at", action="append", default=[],
                        metavar="'SECONDS COMMAND'")
    parser.add_argument("--json", metavar="FILE", help="each key, and phases")
    return parser.parse_args()


def main():
    """Runs one session."""
    if sys.argv[1:] == ["--echo"]:
        echo_program()
        return
    options = read_options()
    events = Events(options.at)
    mosh = Mosh(options)
    try:
        mosh.wait_ready(20)
        time.sleep(options.settle)
        begin_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        keys = measure(mosh, events, options)
    finally:
        mosh.end()
    events.end()
    phases = summary(keys, events.done, options.seconds)
    for phase in phases:
        print(" ".join(f"{k} {v}" for k, v in phase.items()))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({"keys": [{"at": round(typed, 4), "ms": None if shown is
                                 None else ms(shown - typed)}
                                for typed, shown in keys],
                       "begin_us": begin_us, "phases": phases}, f, indent=1)


if __name__ == "__main__":
    main()
