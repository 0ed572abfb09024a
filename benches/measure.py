#!/usr/bin/env python3
"""Measures a running epivizrs as pages see it, and draws the plots of docs/performance.md.

    cargo build --release --bin epivizrs --example load
    benches/measure.py --out docs/images SIGNAL.bw [OTHER.bw ...]

The first file is measured alone, as 1 to 100 tracks (copies of it), and by 1 to 256 pages; the
others only by their size. All requests are made by 'examples/load.rs' on the same machine, so
its work is included. Prints the measured values as a table in Markdown.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile

WIDTHS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
TRACKS = [1, 2, 5, 10, 20, 50, 100]
PAGES = [1, 4, 16, 64, 256]
SECONDS = 2
ROUNDS = 3


class Endpoint:
    def __init__(self, folder, files):
        environment = dict(os.environ, XDG_CACHE_HOME=folder)
        arguments = ["target/release/epivizrs", "--no-prompt", "--port", "0", "--state", "none"]
        self.child = subprocess.Popen(
            [*arguments, *files], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment)
        self.address = self.child.stdout.readline().removeprefix("listening on ").strip()

    def load(self, *arguments):
        """Returns p50 and p99 in ms and the answers per second, the medians of several rounds."""
        rounds = []
        for turn in range(ROUNDS):
            command = ["target/release/examples/load", self.address, "--check-every", "50",
                       "--seconds", str(SECONDS), "--seed", str(turn + 1), *map(str, arguments)]
            result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            millis = result["millis"]
            rounds.append((millis["p50"], millis["p99"], result["perSecond"]))
        return [statistics.median(values) for values in zip(*rounds)]

    def memory(self):
        """Returns the memory of the endpoint in MiB."""
        with open(f"/proc/{self.child.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


def label(number):
    for size, unit in [(10**9, "G"), (10**6, "M"), (10**3, "k")]:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def plot(path, title, across, points, lines):
    """Draws lines over a logarithmic axis: `points` are x values, `lines` map names to y values."""
    import math

    width, height, left, bottom, top = 560, 300, 60, 46, 34
    colors = ["#1b6ca8", "#c0562b", "#4b8b3b"]
    most = max(max(values) for values in lines.values())
    step = 10 ** math.floor(math.log10(most))
    step = next(s for s in (step / 5, step / 2, step, step * 2, step * 5) if most / s <= 6)
    most = math.ceil(most / step) * step
    low, high = math.log10(points[0]), math.log10(points[-1])
    at_x = lambda x: left + (math.log10(x) - low) / (high - low) * (width - left - 20)
    at_y = lambda y: height - bottom - y / most * (height - bottom - top)
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            f'<text x="{left}" y="18" font-size="14">{title}</text>',
            f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">{across}</text>']
    tick = 0.0
    while tick <= most * 1.001:
        y = at_y(tick)
        text.append(f'<path d="M{left} {y:.1f}H{width - 20}" stroke="#ddd"/>'
                    f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        tick = round(tick + step, 10)
    for x in points:
        text.append(f'<text x="{at_x(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">'
                    f'{label(x)}</text>')
    for (name, values), color in zip(lines.items(), colors):
        spots = [(at_x(x), at_y(y)) for x, y in zip(points, values)]
        path_text = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        text.append(f'<path d="M{path_text}" fill="none" stroke="{color}" stroke-width="2"/>')
        text += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in spots]
        x, y = spots[-1]
        text.append(f'<text x="{x - 6:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{color}">'
                    f'{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join([*text, "</svg>", ""]))


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("files", nargs="+", metavar="FILE")
    options.add_argument("--out", default="docs/images", help="folder of the plots")
    options = options.parse_args()
    os.makedirs(options.out, exist_ok=True)
    folder = tempfile.mkdtemp()
    fixed = lambda width: ("--mix", "fixed", "--width", width)
    print("| measured | p50 ms | p99 ms | answers per second |\n|---|---|---|---|")

    def row(name, values):
        print(f"| {name} | {values[0]:.2f} | {values[1]:.2f} | {values[2]:,.0f} |", flush=True)
        return values

    with Endpoint(folder, options.files[:1]) as endpoint:
        widths = [row(f"one signal, {label(w)}b", endpoint.load(*fixed(w))) for w in WIDTHS]
        row("one signal, mixed widths", endpoint.load("--mix", "mixed"))
        row("one user who pans and zooms", endpoint.load("--mix", "walk"))
        pages = [row(f"{n} pages, 4 requests each, mixed widths",
                     endpoint.load("--mix", "mixed", "--connections", n, "--depth", 4))
                 for n in PAGES]
        print(f"\nMemory after this: {endpoint.memory():.0f} MiB\n")
    plot(f"{options.out}/widths.svg", "One signal: time to the answer (ms)", "bases in view",
         WIDTHS, {"p50": [v[0] for v in widths], "p99": [v[1] for v in widths]})
    plot(f"{options.out}/pages.svg", "Answers per second, 4 requests at once for each page",
         "pages", PAGES, {"answers per second": [v[2] for v in pages]})

    copies = [os.path.join(folder, f"track{n}.bw") for n in range(max(TRACKS))]
    for copy in copies:
        shutil.copy(options.files[0], copy)
    print("| measured | p50 ms | p99 ms | answers per second |\n|---|---|---|---|")
    with Endpoint(folder, copies) as endpoint:
        lines = {}
        for name, kind in [("100 kb", fixed(100_000)), ("1 Mb", fixed(1_000_000)),
                           ("pan and zoom", ("--mix", "walk"))]:
            ids = lambda n: ",".join(f"track{i}" for i in range(n))
            lines[name] = [row(f"{n} tracks, {name}",
                               endpoint.load(*kind, "--measurements", ids(n)))[0] for n in TRACKS]
        print(f"\nMemory after this: {endpoint.memory():.0f} MiB\n")
    plot(f"{options.out}/tracks.svg", "Several signals: median time to the answer (ms)", "tracks",
         TRACKS, lines)

    sizes, times = [], []
    print("| measured | p50 ms | p99 ms | answers per second |\n|---|---|---|---|")
    for path in sorted(options.files, key=os.path.getsize):
        with Endpoint(folder, [path]) as endpoint:
            size = os.path.getsize(path)
            sizes.append(size)
            times.append(row(f"a file of {label(round(size, -5))}B", endpoint.load("--mix", "walk")))
    if len(sizes) > 1:
        plot(f"{options.out}/sizes.svg", "One user who pans and zooms (ms)", "bytes of the file",
             sizes, {"p50": [v[0] for v in times], "p99": [v[1] for v in times]})
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
