#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The part of scripts/demo that types keys and shows what happens.

    demo_view.py --server WORDS --client WORDS --look WORDS --link WORDS
                 ADDRESS PORT

Starts Mosh as keyecho.py does, types keys and measures their echo.  Twice per
second it runs the command of --look (mpctl status --json) and shows a line for
each flow: on a terminal in place, else one after another.  The command of
--link, with words of emu, makes the better path die and repairs it.
"""
import argparse
import json
import os
import select
import shlex
import shutil
import subprocess
import sys
import time

import keyecho

KEY_EVERY = 0.2  # seconds between keys, as in the paper
SHOW_EVERY = 0.5  # seconds between two looks at the status
DIES, RETURNS, ENDS = 8, 16, 25  # of the path; and of the demo; seconds
SETTLED = 0.1  # an echo is late above the median by this; seconds
INDEX = {letter: i for i, letter in enumerate(keyecho.LETTERS)}


class Screen:
    """The output: lines that stay, and below them lines that change."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.shown = 0

    def wipe(self):
        """Removes the lines that change."""
        if self.live and self.shown:
            print(f"\x1b[{self.shown}F\x1b[J", end="")
        self.shown = 0

    def say(self, line):
        """Prints a line that stays."""
        self.wipe()
        print(line, flush=True)

    def show(self, lines):
        """Replaces the lines that change."""
        self.wipe()
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in lines]
        print("\n".join(lines), flush=True)
        self.shown = len(lines)


class Keys:
    """The keys that were typed, and when each was shown."""

    def __init__(self):
        self.typed = []
        self.shown = []

    def press(self, mosh, now):
        """Types the next letter."""
        os.write(mosh.fd, keyecho.LETTERS[len(self.typed)].encode())
        self.typed.append(now)
        self.shown.append(None)

    def see(self, text, now):
        """Notes the letters that the client has shown."""
        for letter in text:
            i = INDEX.get(letter, len(self.shown))
            if i < len(self.shown) and self.shown[i] is None:
                self.shown[i] = now

    def echo(self, begin, end):
        """Echo times of the keys typed from begin to end; None: not shown."""
        return [None if s is None else s - t
                for t, s in zip(self.typed, self.shown) if begin <= t < end]

    def last(self, now):
        """The echo time of the last key that was shown, and the age of the
        oldest key that was not."""
        times = [s - t for t, s in zip(self.typed, self.shown)
                 if s is not None]
        waiting = [now - t for t, s in zip(self.typed, self.shown) if s is None]
        return times[-1] if times else None, waiting[0] if waiting else 0


def milliseconds(seconds):
    """A time as text in ms."""
    return "never" if seconds is None else f"{1000 * seconds:.0f} ms"


def flow_lines(status):
    """A line for each flow of each session; and the addresses of the flow in
    use, why it is used, and for how long (seconds)."""
    lines, used = [], None
    for session in (s for p in status["ports"] for s in p["sessions"]):
        for flow in session["flows"]:
            pair = (f"{flow['local']} -> {flow['remote'].rsplit(':', 1)[0]}"
                    .replace("[", "").replace("]", ""))
            srtt = flow["srtt_us"]
            lines.append(f"{'*' if flow['in_use'] else ' '} {pair:<24}"
                         f"{'-' if srtt is None else f'{srtt / 1000:.1f}':>8}"
                         f" ms  {flow['state']}")
            if flow["in_use"]:
                used = (pair, session["why_text"],
                        (session["why_age_us"] or 0) / 1e6)
    return lines, used


class Demo:
    """One run of the demo."""

    def __init__(self, options):
        self.options = options
        self.screen = Screen()
        self.keys = Keys()
        self.used = None
        self.changes = []  # [(seconds, addresses of the flow then in use)]
        self.look = None
        self.todo = [(DIES, "on", "the IPv4 path goes silent"),
                     (RETURNS, "off", "the IPv4 path is repaired")]

    def run_events(self, now):
        """Makes the path die or repairs it when that is due."""
        while self.todo and now >= self.todo[0][0]:
            _, word, what = self.todo.pop(0)
            subprocess.run(shlex.split(self.options.link) +
                           ["blackhole", word], check=True)
            self.screen.say(f"{now:6.2f} s  >>> {what}")

    def ask(self):
        """Starts the command for the status; loop() waits for its output."""
        if self.look is None:
            self.look = subprocess.Popen(
                shlex.split(self.options.look), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)

    def answered(self, now):
        """Shows the status."""
        text = self.look.communicate()[0]
        self.look = None
        try:
            lines, used = flow_lines(json.loads(text))
        except ValueError:
            lines, used = ["  " + text.decode(errors="replace").strip()], None
        if used and used[0] != self.used:
            self.used, why, age = used
            at = max(now - age, 0)
            self.changes.append((at, self.used))
            self.screen.say(f"{at:6.2f} s  mpshim takes {self.used}: {why}")
        last, waiting = self.keys.last(now)
        echo = f"  echo of the last key {milliseconds(last):>10}"
        if waiting > 2 * KEY_EVERY:
            echo += f"; one has waited for {milliseconds(waiting)}"
        self.screen.show([f"{now:6.2f} s  {line}" for line in lines + [echo]])

    def loop(self, mosh):
        """Types keys and shows the status until the end."""
        begin = time.monotonic()
        key_at = show_at = 0
        while (now := time.monotonic() - begin) < ENDS:
            self.run_events(now)
            if now >= key_at:
                self.keys.press(mosh, now)
                key_at += KEY_EVERY
            if now >= show_at:
                self.ask()
                show_at += SHOW_EVERY
            files = [mosh.fd] + ([self.look.stdout] if self.look else [])
            wait = min(key_at, show_at, ENDS) - now
            for file in select.select(files, [], [], max(wait, 0))[0]:
                if file is not mosh.fd:
                    self.answered(time.monotonic() - begin)
                    continue
                text = mosh.read()
                if text is None:
                    raise SystemExit("demo: mosh-client ended")
                self.keys.see(text, time.monotonic() - begin)
        if self.look:
            self.look.communicate()

    def summary(self):
        """Prints the result; returns the exit status."""
        usual = sorted(t for t in self.keys.echo(2, DIES - 1)
                       if t is not None)
        died = self.keys.echo(DIES - 1, DIES + 4)
        back = self.keys.echo(RETURNS, ENDS - 1)
        if not usual:
            print("demo: no key came through")
            return 1
        median = usual[len(usual) // 2]
        print(f"\nkeys took {milliseconds(median)} before; the slowest while "
              "the path died took "
              f"{milliseconds(None if None in died else max(died))}")
        again = [at for at, pair in self.changes
                 if at >= RETURNS and ":" not in pair]
        if again:
            print(f"the repaired path was in use {again[0] - RETURNS:.1f} s "
                  "after it was back")
        else:
            print("the repaired path was not used again")
        slow = [t for t in back if t is None or t > median + SETTLED]
        print(f"after the repair {len(back) - len(slow)} of {len(back)} keys "
              f"took at most {milliseconds(median + SETTLED)}")
        return 0 if again and None not in died + back else 1


def read_options():
    """The command line."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("address")
    parser.add_argument("port")
    for name in "server", "client", "look", "link":
        parser.add_argument("--" + name, required=True, metavar="WORDS")
    return parser.parse_args()


def main():
    """Runs one session."""
    options = read_options()
    demo = Demo(options)
    demo.screen.say("Mosh under mpshim over two paths, 20 ms (IPv4) and "
                    f"60 ms (IPv6); a key each {milliseconds(KEY_EVERY)}")
    mosh = keyecho.Mosh(options)
    try:
        mosh.wait_ready(20)
        demo.loop(mosh)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        mosh.end()
    sys.exit(demo.summary())


if __name__ == "__main__":
    main()
