#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs programs that copy lines and reports which lines were lost.

    talk.py [options] COMMAND           COMMAND's peer echoes
    talk.py [options] COMMAND COMMAND   each prints what the other reads

The second command, B, is started first, the first one, A, when --ready
succeeds.  A line is `a 17 xxx' or `b 17 xxx'.  Prints `talking' when the first
line of A has arrived, or after 10 s.  At the end it prints a line for A:
a-sent, a-lost, a-twice and a-altered in lines, a-median, a-worst and a-gap in
ms; and the same for B, with b.  The gap is the longest time in which no line
arrived.
"""
import argparse
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time


class Said:
    """The lines that one end sends, and their fate."""

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.sent = []
        self.took = {}
        self.twice = self.altered = 0
        self.gap = 0
        self.last = None

    def line(self, seq):
        """The line of this number."""
        return f"{self.name} {seq} ".ljust(self.options.size - 1, "x")

    def next(self):
        """Returns the next line to send."""
        self.sent.append(time.monotonic())
        return (self.line(len(self.sent) - 1) + "\n").encode()

    def hear(self, line):
        """Counts a line that arrived."""
        now = time.monotonic()
        words = line.split()
        seq = int(words[1]) if len(words) > 1 and words[1].isdigit() else -1
        if not 0 <= seq < len(self.sent) or line != self.line(seq):
            print(f"altered: {line!r}", file=sys.stderr)
            self.altered += 1
            return
        if self.last is not None:
            self.gap = max(self.gap, now - self.last)
        self.last = now
        if seq in self.took:
            self.twice += 1
        else:
            self.took[seq] = now - self.sent[seq]

    def report(self):
        """Prints the figures."""
        took = sorted(self.took.values()) or [-0.001]
        lost = [n for n in range(len(self.sent)) if n not in self.took]
        if lost:
            print(f"lost of {self.name}: {lost}", file=sys.stderr)
        figures = {
            "sent": len(self.sent), "lost": len(lost), "twice": self.twice,
            "altered": self.altered,
            "median": f"{took[len(took) // 2] * 1000:.1f}",
            "worst": f"{took[-1] * 1000:.1f}",
            "gap": f"{self.gap * 1000:.1f}"}
        print(" ".join(f"{self.name}-{name} {value}"
                       for name, value in figures.items()), flush=True)


class End:
    """A program and the lines that it sends and receives."""

    def __init__(self, command, said, heard):
        self.said = said
        self.heard = heard
        self.rest = b""
        self.process = subprocess.Popen(
            shlex.split(command), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, bufsize=0, start_new_session=True)

    def say(self):
        """Gives the program the next line to send."""
        if self.said is None:
            return
        try:
            self.process.stdin.write(self.said.next())
        except BrokenPipeError:
            sys.exit(f"{self.process.args[-1]} has ended")

    def hear(self):
        """Reads the lines that the program received; false at its end."""
        data = os.read(self.process.stdout.fileno(), 65536)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            text = line.decode(errors="replace")
            heard = [h for h in self.heard if text.startswith(h.name + " ")]
            (heard or self.heard)[0].hear(text)
        return data != b""

    def end(self):
        """Ends the program, after 2 s by SIGKILL."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(2)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def listen(ends, until):
    """Reads what the programs print until a time."""
    selector = selectors.DefaultSelector()
    for end in ends:
        selector.register(end.process.stdout, selectors.EVENT_READ, end)
    while (left := until - time.monotonic()) > 0 and selector.get_map():
        for key, _ in selector.select(left):
            if not key.data.hear():
                selector.unregister(key.fileobj)
    selector.close()


def begin(options):
    """Starts the programs: A, and B if there are two."""
    a, b = Said("a", options), Said("b", options)
    if len(options.commands) == 1:
        return [End(options.commands[0], a, [a])], [a]
    one_way = options.one_way
    end_b = End(options.commands[1], None if one_way else b, [a])
    end = time.monotonic() + 10
    while options.ready and subprocess.run(
            options.ready, shell=True, check=False,
            stdout=subprocess.DEVNULL).returncode != 0:
        if time.monotonic() > end:
            sys.exit("not ready within 10 s")
        time.sleep(0.05)
    end_a = End(options.commands[0], a, [b])
    return [end_a, end_b], [a] if one_way else [a, b]


def main():
    """Starts the programs, has them talk, ends them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--wait", type=float, default=1)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--ready", help="succeeds when B is")
    parser.add_argument("--one-way", action="store_true",
                        help="B only listens")
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    ends, said = begin(options)
    # A server learns the address of its peer from A's first line.
    ends[0].say()
    first = time.monotonic() + 10
    while not said[0].took and time.monotonic() < first:
        listen(ends, time.monotonic() + 0.05)
    print("talking", flush=True)
    at = time.monotonic()
    last = at + options.seconds
    while at < last:
        for end in ends:
            end.say()
        at += 1 / options.rate
        listen(ends, at)
    listen(ends, time.monotonic() + options.wait)
    for end in ends:
        end.end()
    for one in said:
        one.report()


if __name__ == "__main__":
    main()
