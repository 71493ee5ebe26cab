#!/usr/bin/env python3
# Licence: ISC.  What of the samples of a soak grows: the median of the last
# quarter less that of the second one.  (In the first one sessions gather: a
# server keeps one for 3 minutes.)
# usage: growth.py SAMPLES SECONDS
#
# A sample is `second name kB descriptors memory-files ticks pid'.
import statistics
import sys

# How much more the last quarter may have: kB, descriptors, memory files.
BOUNDS = {'kB': (512, 0.10), 'descriptors': (6, 0), 'memory files': (3, 0)}
# A soak of less than this many seconds is too short for memory.
SETTLED = 600


def grows(rows, column, begin, end):
    """The medians of the second and the last quarter, or None."""
    middle, quarter = (begin + end) / 2, (end - begin) / 4
    early = [r[column] for r in rows if begin + quarter <= r[0] < middle]
    late = [r[column] for r in rows if r[0] >= end - quarter]
    if not early or not late:
        return None
    return statistics.median(early), statistics.median(late)


def rates(rows, datagrams):
    """Rows of (second, us of a processor for each datagram)."""
    found = []
    for a, b in zip(rows, rows[1:]):
        sent = datagrams.get(b[0], 0) - datagrams.get(a[0], 0)
        if a[6] == b[6] and sent > 0:
            found.append((b[0], 1e4 * (b[5] - a[5]) / sent))
    return found


def main():
    end = int(sys.argv[2])
    by_name, bad = {}, 0
    for line in open(sys.argv[1]):
        f = line.split()
        row = (int(f[0]), f[1]) + tuple(int(x) for x in f[2:])
        by_name.setdefault(f[1], []).append(row)
    datagrams = {r[0]: r[2] for r in by_name.pop('datagrams', [])}
    agents = grows(by_name.pop('agents'), 2, 0, end)
    print('agents: %d, then %d' % agents)
    bad += agents[1] > agents[0] + 1
    for name, rows in sorted(by_name.items()):
        for column, what in ((2, 'kB'), (3, 'descriptors'),
                             (4, 'memory files')):
            pair = grows(rows, column, 0, end)
            if pair is None:
                print('%s: too few samples' % name)
                bad += 1
                continue
            more, part = BOUNDS[what]
            over = pair[1] > pair[0] + more + part * pair[0]
            over = over and (what != 'kB' or end >= SETTLED)
            print('%s: %d %s, then %d%s' % (name, pair[0], what, pair[1],
                                            ' GROWS' if over else ''))
            bad += over
        cost = rates(rows, datagrams)
        pair = grows(cost, 1, 0, end)
        if name.endswith('keeper') or pair is None:
            continue
        over = end >= SETTLED and pair[1] > 1.5 * pair[0] + 5
        print('%s: %.1f us for each datagram, then %.1f%s' %
              (name, pair[0], pair[1], ' GROWS' if over else ''))
        bad += over
    sys.exit(bad > 0)


main()
