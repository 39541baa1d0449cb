"""Another build of dst in turns with this one, at all that a dst can be asked for.

A figure is what dst itself takes of the CPU, user and system: wall time says more of the machine than of dst, and
what a Redis takes that dst started is not dst's. What the disk takes is left out, as nothing of it can be read to
within some percent: the files lie in memory where there is a place for that, and what is asked of them is counted.

On a machine that does something else, too, one pair of turns is off by some percent. Many short turns tell more than
a few long ones: the machine is the same in both turns of a pair, and the median leaves out the pairs in which not.
"""

import functools
import glob
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from measure.programs import DST, ROOT, Server, rate, record, run

GOAL = 0.98
# A folder in memory, on Linux.
IN_MEMORY = "/dev/shm"


def find_other(path):
    """The whole path of another build of dst, or nothing and why not."""
    if not path:
        return None, "--beside takes the path of another dst: see tools/bench --help"
    if sys.platform != "linux":
        return None, "--beside reads clocks that only Linux has"
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return None, f"--beside {path}: there is no program of this name"
    path = os.path.abspath(path)
    try:
        told = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        told = b""
    return (path, None) if told.startswith(b"dst ") else (None, f"--beside {path}: this is no dst that runs here")


class Row:
    """A figure of this build beside that of the other. `measure` takes one of the two and tells what it costs."""

    def __init__(self, what, figure, measure):
        self.what, self.figure, self.measure = what, figure, measure
        # Of each pair of turns: this build's, and the other's.
        self.costs = []

    def take_turns(self, both, pairs):
        """This build first, then the other; the next time the other way round."""
        for _ in range(pairs):
            sides = (0, 1) if len(self.costs) % 2 == 0 else (1, 0)
            cost = {side: self.measure(both[side]) for side in sides}
            self.costs.append((cost[0], cost[1]))

    def ratios(self):
        """This build's speed / the other's of each pair, the least first."""
        return sorted(other / this for this, other in self.costs)

    def print(self):
        ratios = self.ratios()
        ratio = statistics.median(ratios)
        figures = [self.figure(statistics.median(costs)) for costs in zip(*self.costs)]
        # The middle half of the pairs.
        cut = len(ratios) // 4
        print(f"  {self.what:<43} {figures[0]:>14} {figures[1]:>14}   {ratio:.3f} ({ratios[cut]:.2f} to "
              f"{ratios[-1 - cut]:.2f})  {'reached' if ratio >= GOAL else 'NOT REACHED'}", flush=True)


def compare(title, rows, both, pairs):
    """Measures the rows in turns and prints them. One that is below the goal is measured for longer before it is."""
    print(f"{title:<45} {'this build':>14} {'the other':>14}   this / other", flush=True)
    for _ in range(pairs):
        for row in rows:
            row.take_turns(both, 1)
    for row in rows:
        if statistics.median(row.ratios()) < GOAL:
            row.take_turns(both, 2 * pairs)
        row.print()


def cpu_clock(process):
    """Seconds of CPU that a child of ours has taken, without its own children: a clock that Linux has."""
    return time.clock_gettime(~process.pid << 3 | 2)


def cpu_rate(ops, seconds):
    return rate(ops / seconds).replace("/s", "/CPU s")


def cpu_of(args, codes, folder, dst):
    """Seconds of CPU of a dst that ends with one of these exit codes."""
    for old in glob.glob(os.path.join(folder, "replayed.db*")):
        os.unlink(old)
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([dst, *args], cwd=ROOT, **nowhere)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = cpu_clock(process)
    if process.wait() not in codes:
        sys.exit(f"tools/bench: exit code {process.returncode} of: {dst} {' '.join(args)}")
    return seconds


class Commands:
    """What dst is run for, with its files in the folder."""

    def __init__(self, folder, other):
        self.folder, self.other = folder, other

    def file(self, name):
        return os.path.join(self.folder, name)

    def record(self, *source):
        """A trace for both builds, and with replies: the older build writes it, as the newer one reads it."""
        return record(self.folder, "-".join(source).replace("--", ""), *source, dst=self.other)

    def row(self, what, ops, *args, codes=(0,)):
        """A row of what a dst takes for so many operations."""
        return Row(what, functools.partial(cpu_rate, ops), functools.partial(cpu_of, args, codes, self.folder))

    def recording(self):
        """Generating and writing a trace, with the slowest groups, and reading one."""
        out = ("--output", self.file("out.trace"))
        for group, ops in (("mixed", 400_000), ("strings", 800_000), ("streams", 400_000), ("search", 200_000),
                           ("protocol", 120_000)):
            yield self.row(f"dst record, {group}", ops, "record", "--group", group, "--ops", str(ops), *out)
        yield self.row("dst record --from redis, mixed", 150_000, "record", "--ops", "150000", "--from", "redis", *out)
        trace = self.record("--seed", "7", "--ops", "300000")
        yield self.row("dst record TRACE: decode and encode", 300_000, "record", trace, *out)
        yield self.row("dst show: decode", 300_000, "show", trace)

    def replays(self):
        """Recorded traces on Redlite in memory and on a file, and on a Redis that dst starts."""
        for place, subject, traces in (
            ("in memory", "redlite", (("strings", 150_000), ("mixed", 100_000), ("sorted-sets", 120_000),
                                      ("keys", 120_000), ("streams", 60_000))),
            ("on a file", "redlite:" + self.file("replayed.db"), (("strings", 80_000), ("mixed", 50_000),
                                                                 ("sorted-sets", 50_000))),
            ("on a Redis", "redis", (("strings", 500_000), ("mixed", 150_000))),
        ):
            for group, ops in traces:
                trace = self.record("--seed", "3", "--group", group, "--ops", str(ops))
                yield self.row(f"dst replay, {group}, {place}", ops, "replay", trace, "--subject", subject)

    def campaigns(self):
        """Many short traces, and one that is shrunk."""
        quiet = ("--jobs", "1", "--shrinks", "0")
        for group, seeds in (("mixed", 700), ("keys", 800), ("strings", 1200), ("sorted-sets", 1000)):
            yield self.row(f"dst oracle, {group}", seeds * 100, "oracle", "--group", group, "--seeds", str(seeds),
                           *quiet, codes=(0, 1))
        yield self.row("dst chaos, crash_mid_write, 20 ops a seed", 5_000, "chaos", "--faults", "crash_mid_write",
                       "--ops", "20", "--seeds", "250", *quiet, codes=(0, 1))
        trace = self.record("--seed", "4", "--ops", "100000")
        shrink = ("shrink", trace, "--subject", "canary:geosearch-any", "--against", "redlite", "--output",
                  self.file("minimal.trace"))
        yield Row("dst shrink of 100000 ops", "{:.2f} CPU s".format, functools.partial(cpu_of, shrink, (1,), self.folder))


def file_calls(kind, dst):
    """How often a store in a file asks this of its files."""
    told = run(dst, "chaos", "--trace-io", "--seeds", "1", "--ops", "1000", "--faults", "slow_write")
    return len(re.findall(rf"^ +\d+ {kind} ", told, re.M))


def serve_row(place, test, requests):
    """A row of what a server takes for the requests of a test of redis-benchmark."""
    def measure(server):
        before = cpu_clock(server.process)
        run("redis-benchmark", "-s", server.socket, "-c", "50", "-P", "16", "-n", str(requests), "-t", test, "--csv",
            stderr=subprocess.DEVNULL)
        return cpu_clock(server.process) - before

    return Row(f"dst serve {place}, {test.upper()}", functools.partial(cpu_rate, requests), measure)


def compare_servers(folder, builds, pairs):
    """dst serve in memory and on a file, under redis-benchmark."""
    for place, name in (("in memory", None), ("on a file", "served")):
        servers = []
        try:
            for at, dst in enumerate(builds):
                file = ("--file", f"{name}-{at}.db") if name else ()
                servers.append(Server(folder, f"{place} {at}", dst, "serve", "--unix", "{socket}", *file))
            rows = [serve_row(place, test, 250_000) for test in ("set", "get", "lpush", "hset", "zadd")]
            compare("redis-benchmark -c 50 -P 16:", rows, servers, pairs)
        finally:
            for server in servers:
                server.stop()


def bench_beside(other, quick):
    """This build beside the other, row by row."""
    pairs = 3 if quick else 6
    memory = IN_MEMORY if os.path.isdir(IN_MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="dst-bench-", dir=memory) as folder:
        # Copies side by side: where a program lies, and how long its name is, is not to count.
        builds = [shutil.copy(dst, os.path.join(folder, name)) for dst, name in ((DST, "dst-this"), (other, "dst-that"))]
        commands = Commands(folder, builds[1])
        compare("Traces, written and read:", list(commands.recording()), builds, pairs)
        compare("Recorded traces, replayed:", list(commands.replays()), builds, pairs)
        compare("Campaigns, one job:", list(commands.campaigns()), builds, pairs)
        calls = [Row(f"{kind}s of a store's files, in 1000 ops", "{:.0f}".format, functools.partial(file_calls, kind))
                 for kind in ("sync", "write", "read")]
        compare("What dst chaos --trace-io counts:", calls, builds, 1)
        compare_servers(folder, builds, pairs)
