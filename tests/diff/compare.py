# SPDX-License-Identifier: ISC
"""Compares the trace of the first run with those of the others.

usage: compare.py EXCEPTIONS DIRECTORY PLAIN RUN...

The directory has a file RUN.trace for each run, with lines `LABEL: ...'.
EXCEPTIONS has lines `LABEL RUN REASON...': the calls with this label, in which
* and ? are patterns, must differ in that run.  An exception whose calls do not
differ is an error.
"""
import fnmatch
import sys

SOMETIMES = "Now and then"  # with such a reason the call may be equal, too


def read_trace(name):
    """The lines of a trace by label; two lines with one label are an error."""
    lines = {}
    with open(name, encoding="latin-1") as f:
        for line in f:
            label, _, text = line.rstrip("\n").partition(": ")
            if label in lines:
                sys.exit(f"{name}: two lines have the label {label}")
            lines[label] = text
    return lines


def read_exceptions(name, runs):
    """The lines of EXCEPTIONS as a list of (pattern, run, reason)."""
    rows = []
    with open(name, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            words = line.split(None, 2)
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 3 or words[1] not in runs:
                sys.exit(f"{name}:{number}: the line is not LABEL RUN REASON")
            rows.append(tuple(words))
    return rows


def main():
    exceptions, directory, *runs = sys.argv[1:]
    rows = read_exceptions(exceptions, runs[1:])
    traces = [read_trace(f"{directory}/{run}.trace") for run in runs]
    labels = list(dict.fromkeys(label for t in traces for label in t))
    topics = {(l.split("/")[0], l.split("/")[-1]) for l in labels}
    bad, unneeded = set(), 0
    used = set()

    for label in labels:
        plain = traces[0].get(label, "(not reached)")
        for run, trace in zip(runs[1:], traces[1:]):
            line = trace.get(label, "(not reached)")
            row = next((r for r in rows if r[1] == run and
                        fnmatch.fnmatchcase(label, r[0])), None)
            if row is not None:
                used.add(row)
                if line == plain and not row[2].startswith(SOMETIMES):
                    unneeded += 1
                    bad.add(label)
                    print(f"{label}: {run} does not differ, "
                          "but there is an exception")
            elif line != plain:
                if label not in bad:
                    print(f"{label}\n    plain:     {plain}")
                bad.add(label)
                print(f"    {run + ':':<10} {line}")
    for row in rows:
        parts = row[0].split("/")
        reached = any(fnmatch.fnmatchcase(t, parts[0]) and
                      fnmatch.fnmatchcase(k, parts[-1]) for t, k in topics)
        if row not in used and reached:
            bad.add(row[0])
            print(f"{row[0]}: no call has the label of this exception")
    print(f"{len(set(labels) - bad)} passed, {len(bad)} failed")
    return 1 if bad or not labels else 0


sys.exit(main())
