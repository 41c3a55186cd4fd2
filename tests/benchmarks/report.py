"""The tables: a line for each workload as it is measured, and a summary against the targets, both in Markdown."""
import math

COLUMNS = {"workload": 56, "ours": 10, "PyTorch": 10, "ratio": 5, "quartiles": 11, "GFLOP/s": 16, "peak": 9}
BUSY = 0.1                 # cores: what other processes may use before a measurement is doubtful


def header():
    """The first two lines of the table of workloads."""
    return line(*COLUMNS) + "\n" + "|".join(["", "-" * (COLUMNS["workload"] + 2),
                                             *("-" * (w + 1) + ":" for w in list(COLUMNS.values())[1:]), ""])


def line(workload, *cells):
    """One line of it, padded so that it reads well as plain text, too."""
    name, *widths = COLUMNS.values()
    return "| " + " | ".join([workload.ljust(name), *(c.rjust(w) for c, w in zip(cells, widths))]) + " |"


def measured(row):
    """The line of a workload.  Of GFLOP/s (or of GB/s, which is said), ours and PyTorch's; of memory, ours."""
    key, unit = ("gbs", " GB/s") if row["gbyte"] else ("gflops", "")
    rates = [row[f"{name}_{key}"] for name in ("ours", "torch") if row[f"{name}_{key}"] is not None]
    spread = f"{row['ratio_low']:.2f} - {row['ratio_high']:.2f}" if row["ratio"] is not None else ""
    return line(row["name"], duration(row, "ours_ms"), duration(row, "torch_ms"), number(row["ratio"]), spread,
                " / ".join(f"{rate:.0f}" for rate in rates) + unit * bool(rates), size(row))


def duration(row, key):
    """A time with its unit; of many small operations, the time of one."""
    if row[key] is None:
        return ""
    ms = row[key] / (row["operations"] or 1)
    for unit, scale in (("s", 1e3), ("ms", 1), ("us", 1e-3)):
        if ms >= scale:
            break
    return f"{ms / scale:.{3 - len(str(int(ms / scale)))}f} {unit}" if ms < 1e6 else f"{ms / scale:.0f} {unit}"


def size(row):
    """The peak of the memory, or how many times input and output that is."""
    if row["extra"] is not None:
        return f"{row['extra']:.2f} x"
    return "" if row["ours_peak_mb"] is None else f"{row['ours_peak_mb']:.1f} MB"


def number(x):
    """Two digits, or nothing for None."""
    return "" if x is None else f"{x:.2f}"


def summary(rows):
    """The table of the targets: lines for the groups of convolutions, and one for every other workload with limits."""
    lines = ["| | must | reach for | measured |", "|---|---:|---:|---:|"]
    single = [r for r in rows if r["group"] == "convolution" and r["ratio"] is not None]
    masked = [r for r in single if r["name"].startswith("masked")]
    plain = [r for r in single if r not in masked]
    both_ways = [r for r in plain if r["name"].endswith("forward+backward")]
    if both_ways:
        mean = geometric_mean(both_ways)
        lines.append(target(f"{len(both_ways)} convolutions, forward+backward: geometric mean", 1.0, 0.8, mean))
    for found, what in ((both_ways, "the slowest forward+backward"),
                        ([r for r in plain if r not in both_ways], "the slowest forward"), (masked, "the slowest")):
        if found:
            worst = max(found, key=lambda r: r["ratio"])
            lines.append(target(f"{what}: {worst['name']}", worst["must"], worst["reach"], worst["ratio"]))
    for row in rows:
        if row["group"] != "convolution" and row["must"] is not None and row[row["judged"]] is not None:
            scale, unit = {"ours_ms": (1e-3, " s"), "extra": (1, " x")}.get(row["judged"], (1, ""))
            lines.append(target(row["name"], *(scale * row[key] for key in ("must", "reach", row["judged"])), unit))
    lines = lines if len(lines) > 2 else []
    disturbed = [row["name"] for row in rows if (row["others"] or 0) > BUSY]
    if disturbed:
        lines += ["", f"Other processes kept more than {BUSY} cores busy during {len(disturbed)} of {len(rows)} "
                  "measurements, which are not to be trusted:", *(f"* {name}" for name in disturbed)]
    return "\n".join(lines)


def geometric_mean(rows):
    """Of the ratios."""
    return math.exp(sum(math.log(row["ratio"]) for row in rows) / len(rows))


def target(name, must, reach, value, unit=""):
    """A line of the summary; a value that misses what it must be stands in bold."""
    mark = "**" if value > must else ""
    return f"| {name} | {must:g}{unit} | {reach:g}{unit} | {mark}{value:.2f}{unit}{mark} |"
