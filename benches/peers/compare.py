#!/usr/bin/env python3
"""Asks epivizrs and the libraries of other programs for the same random regions, in turns.

    cargo build --release
    .ci/peers --install && target/peers/bin/pip install pysam
    target/peers/bin/python benches/peers/compare.py signal.bw peaks.bed.gz reads.bam

pyBigWig and pybigtools answer for bigWig files, pysam for BAM files and for text with a tabix
index. The libraries run in this process; epivizrs answers over a WebSocket, as for a page, so its
times include JSON and two trips through the kernel. A library that is not installed is skipped.
Prints a table in Markdown: medians (p50) and 99th percentiles (p99) in milliseconds.
"""

import argparse
import base64
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import tempfile
import time

BINS = 500


class Endpoint:
    """A running epivizrs, and one connection to it."""

    def __init__(self, program, files):
        arguments = [program, "--no-prompt", "--port", "0", *files]
        environment = dict(os.environ, XDG_CACHE_HOME=tempfile.mkdtemp())
        self.child = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        line = self.child.stdout.readline()
        host, port = line.removeprefix("listening on ws://").removesuffix("/ws\n").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]
        self.requests = 0

    def take(self, count):
        parts, have = [self.buffer], len(self.buffer)
        while have < count:
            part = self.socket.recv(1 << 20)
            if not part:
                raise SystemExit("the endpoint closed the connection")
            parts.append(part)
            have += len(part)
        whole = b"".join(parts)
        self.buffer = whole[count:]
        return whole[:count]

    def message(self):
        first, length = self.take(2)
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(length)

    def ask(self, **data):
        """Returns the text of the answer to a request."""
        self.requests += 1
        text = json.dumps({"requestId": self.requests, "type": "request", "data": data}).encode()
        size = struct.pack(">BB", 0x81, 0x80 | len(text)) if len(text) < 126 else struct.pack(
            ">BBH", 0x81, 0xFE, len(text))
        # A mask of zeros leaves the text as it is.
        self.socket.sendall(size + bytes(4) + text)
        wanted = b'"requestId":%d,' % self.requests
        while True:
            kind, answer = self.message()
            if kind == 1 and answer.startswith(b'{"type":"response"') and wanted in answer[:60]:
                return answer

    def close(self):
        self.child.terminate()
        self.child.wait()


def time_of(work):
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def regions(lengths, width, count, seed):
    """Returns random regions of one width, most on long sequences."""
    numbers = random.Random(seed)
    names, sizes = zip(*[(n, l) for n, l in lengths if l >= min(width, max(l for _, l in lengths))])
    for _ in range(count):
        at = numbers.choices(range(len(names)), sizes)[0]
        wide = min(width, sizes[at])
        start = numbers.randrange(sizes[at] - wide + 1)
        yield names[at], start, start + wide


def libraries(path):
    """Returns the names of libraries that read a file, and a function of each."""
    found = {}
    if path.endswith((".bw", ".bigWig")):
        try:
            import pyBigWig

            one = pyBigWig.open(path)
            found["pyBigWig"] = lambda s, b, e: one.stats(s, b, e, nBins=min(BINS, e - b), exact=True)
        except ImportError:
            pass
        try:
            import pybigtools

            two = pybigtools.open(path)
            found["pybigtools"] = lambda s, b, e: two.values(s, b, e, bins=min(BINS, e - b), exact=True)
        except ImportError:
            pass
        return found
    try:
        import pysam
    except ImportError:
        return found
    if path.endswith(".bam"):
        reads = pysam.AlignmentFile(path)
        found["pysam"] = lambda s, b, e: [r.reference_start for r in reads.fetch(s, b, e)]
    else:
        table = pysam.TabixFile(path)
        found["pysam"] = lambda s, b, e: [line.split("\t") for line in table.fetch(s, b, e)]
    return found


def works(path):
    """Returns the widths to ask for, and the ending of the datasource's id."""
    if path.endswith((".bw", ".bigWig")):
        return [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 10**9], ""
    return ([10_000], ".reads") if path.endswith(".bam") else ([1_000_000, 10_000_000], "")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("files", nargs="+", metavar="FILE")
    options.add_argument("--program", default="target/release/epivizrs")
    options.add_argument("--rounds", type=int, default=5, help="turns of each reader")
    options.add_argument("--queries", type=int, default=40, help="regions in a turn")
    options = options.parse_args()
    print("| file | width | reader | p50 ms | p99 ms |\n|---|---|---|---|---|")
    for path in options.files:
        endpoint = Endpoint(options.program, [path])
        lists = json.loads(endpoint.ask(action="getMeasurements"))["data"]
        lengths = [(s[0], s[2]) for s in json.loads(endpoint.ask(action="getSeqInfos"))["data"]]
        widths, ending = works(path)
        signal = path.endswith((".bw", ".bigWig"))
        name = os.path.basename(path).split(".")[0]
        at = lists["id"].index(name) if signal else None
        source = lists["datasourceId"][at] if signal else name + ending

        def own(sequence, begin, end):
            place = {"seqName": sequence, "start": begin + 1, "end": end}
            if signal:
                return endpoint.ask(action="getCombined", measurements={source: [name]}, **place)
            # 'getRows' would answer at the level of the page's view, which this page does not have.
            return endpoint.ask(action="getCombined", measurements={source: []}, **place)

        readers = {"epivizrs": own, **libraries(path)}
        for sequence, length in lengths:
            own(sequence, 0, length)  # Sums of a whole sequence are made by its first view.
        for width in widths:
            times = {reader: [] for reader in readers}
            for turn in range(options.rounds):
                for reader, read in readers.items():
                    if width == 10**9 and reader != "epivizrs" and turn > 0:
                        continue  # A whole sequence takes these seconds.
                    count = options.queries if width < 10**9 or reader == "epivizrs" else 5
                    for region in regions(lengths, width, count, turn):
                        times[reader].append(time_of(lambda: read(*region)))
            for reader, all_times in times.items():
                all_times.sort()
                p50, p99 = statistics.median(all_times), all_times[int(len(all_times) * 0.99)]
                label = f"{width:,}" if width < 10**9 else "sequence"
                print(f"| {os.path.basename(path)} | {label} | {reader} | {p50:.2f} | {p99:.2f} |", flush=True)
        endpoint.close()


if __name__ == "__main__":
    main()
