"""The programs that are measured, run and ended: dst, Redis, and the servers of both."""

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DST = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "dst")


def run(*command, **options):
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"tools/bench: exit code {done.returncode} of: {' '.join(command)}")
    return done.stdout


def rate(ops_per_s):
    return f"{ops_per_s / 1e6:.2f} M/s" if ops_per_s >= 1e6 else f"{ops_per_s / 1e3:.0f} k/s"


class Server:
    """A server that listens on a unix socket in the folder."""

    def __init__(self, folder, name, *command):
        self.name = name
        self.socket = os.path.join(folder, name.replace(" ", "-") + ".sock")
        command = [part.replace("{socket}", self.socket) for part in command]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            if self.process.poll() is not None:
                sys.exit(f"tools/bench: exit code {self.process.returncode} of: {' '.join(command)}")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def start_redis(folder):
    """A redis-server as dst starts one."""
    return Server(folder, "redis-server", "redis-server", "--port", "0", "--unixsocket", "{socket}", "--save", "")


def record(folder, name, *source, dst=DST):
    """A trace with the replies of a Redis that dst starts."""
    trace = os.path.join(folder, name + ".trace")
    run(dst, "record", *source, "--from", "redis", "--output", trace, stderr=subprocess.DEVNULL)
    return trace
