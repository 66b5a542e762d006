"""What `serve.py` found, as tables and as a figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from serve_parts.load import PARSE, TURN
from serve_parts.rounds import Row, Start
from support.targets import Target, markdown_table, targets_table

_OURS = "Gossamer"
_AT = 64  # clients, of the targets
_COLORS = ("#1565c0", "#8c8c8c", "#2e7d32")


def median(numbers: Iterable[float]) -> float:
    """The median of those that are numbers; NaN without one."""
    known = [number for number in numbers if not math.isnan(number)]
    return statistics.median(known) if known else math.nan


def tables(starts: Sequence[Start], rows: Sequence[Row]) -> tuple[str, str]:
    """Starts and loads in Markdown: medians over rounds, sums of failures, greatest memory."""
    peers = list(dict.fromkeys(start.peer for start in starts))
    lines = []
    for peer in peers:
        own = [start for start in starts if start.peer == peer]
        loads = [row for row in rows if row.peer == peer]
        lines.append(
            [
                peer,
                f"{median(start.ready_seconds for start in own):.2f} s",
                f"{median(start.ready_cpu_seconds for start in own):.2f} s",
                f"{median(start.first_answer_ms for start in own):,.0f} ms",
                f"{median(start.rss_mib for start in own):,.0f} MiB",
                f"{max(row.peak_rss_mib for row in loads):,.0f} MiB",
                f"{sum(row.n_sent for row in loads):,}",
                f"{sum(sum(row.failures.values()) for row in loads):,}",
                f"{sum(row.n_compared for row in loads):,}",
                f"{sum(sum(row.wrong.values()) for row in loads):,}",
            ]
        )
    head = ["", "ready", "its CPU", "first answer", "memory then", "at most"]
    head += ["messages", "failed", "compared", "wrong"]
    starts_table = markdown_table(head, lines, "lr")
    lines = []
    for path in dict.fromkeys(row.path for row in rows):
        for n_clients in dict.fromkeys(row.n_clients for row in rows):
            for peer in peers:
                same = _chosen(rows, peer, path, n_clients)
                rate = median(row.rate for row in same)
                ours = median(row.rate for row in _chosen(rows, _OURS, path, n_clients))
                ratio = f"{ours / rate:.1f}x" if rate and not math.isnan(ours) else ""
                lines.append(
                    [
                        path,
                        str(n_clients),
                        peer,
                        _shown(rate),
                        _shown(median(row.p50 for row in same)),
                        _shown(median(row.p99 for row in same)),
                        f"{max(row.peak_rss_mib for row in same):,.0f}",
                        _shown(median(row.cpu_ms for row in same)),
                        _shown(median(row.server_cores for row in same)),
                        _shown(median(row.own_cores for row in same)),
                        str(sum(sum(row.failures.values()) for row in same)),
                        str(sum(sum(row.wrong.values()) for row in same)),
                        "" if peer == _OURS else ratio,
                    ]
                )
    head = ["", "clients", "server", "messages/s", "p50 ms", "p99 ms", "MiB", "CPU ms"]
    head += ["cores", "generator", "failed", "wrong", "Gossamer is"]
    return starts_table, markdown_table(head, lines, "lrlr")


def targets(starts: Sequence[Start], rows: Sequence[Row]) -> str:
    """What the server aims at, and whether it is met; empty where it was not measured."""
    own = [start for start in starts if start.peer == _OURS]
    if not own:
        return ""
    rasa = [row.peer for row in rows if row.peer.startswith("Rasa")]
    found = []
    for path in (PARSE, TURN):
        same = _chosen(rows, _OURS, path, _AT)
        if not same:
            continue
        if rasa:
            theirs = median(row.rate for row in _chosen(rows, rasa[0], path, _AT))
            ratio = median(row.rate for row in same) / theirs if theirs else math.inf
            name = f"{path}, {_AT} clients, messages/s beside Rasa"
            found.append(Target(name=name, wanted=20.0, measured=ratio))
        p99 = median(row.p99 for row in same)
        name = f"{path}, {_AT} clients, p99"
        found.append(Target(name=name, wanted=50.0, measured=p99, at_least=False, unit=" ms"))
    memory = max(row.peak_rss_mib for row in rows if row.peer == _OURS)
    ready = median(start.ready_seconds for start in own)
    found += [
        Target(name="memory", wanted=200.0, measured=memory, at_least=False, unit=" MiB"),
        Target(name="ready", wanted=1.0, measured=ready, at_least=False, unit=" s"),
    ]
    return targets_table(found)


def plain(table: str) -> str:
    """A table in Markdown, with aligned columns and without its signs, for a terminal."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(table.splitlines())
        if number != 1
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    is_right = [rule.strip().endswith(":") for rule in table.splitlines()[1].strip("|").split("|")]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_right, strict=True)
        ).rstrip()
        for cells in lines
    )


def draw(rows: Sequence[Row], path: Path) -> None:
    """Messages a second and p99 over clients; a column for each kind of request."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    kinds: list[tuple[str, Callable[[Row], float]]] = [
        ("messages/s", lambda row: row.rate),
        ("p99, ms", lambda row: row.p99),
    ]
    peers = list(dict.fromkeys(row.peer for row in rows))
    clients = sorted({row.n_clients for row in rows})
    for column, asked in enumerate((PARSE, TURN)):
        for line, (label, value) in enumerate(kinds):
            axes = grid[line, column]
            for peer, color in zip(peers, _COLORS, strict=False):
                found = [
                    [value(row) for row in _chosen(rows, peer, asked, n)] or [math.nan]
                    for n in clients
                ]
                middles = [median(numbers) for numbers in found]
                axes.plot(clients, middles, marker="o", color=color, label=peer)
                low, high = [min(each) for each in found], [max(each) for each in found]
                axes.fill_between(clients, low, high, color=color, alpha=0.2, linewidth=0)
            axes.set(xscale="log", yscale="log", ylabel=label if column == 0 else "")
            axes.set_xticks(clients, [str(n) for n in clients])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
            if line == 0:
                axes.set_title(f"POST {asked}", fontsize=10)
            else:
                axes.set_xlabel("clients")
    for axes in grid[1]:
        axes.axhline(50.0, color="#c62828", lw=1, ls=":", label="target at 64 clients, at most")
    handles, labels = grid[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def _chosen(rows: Sequence[Row], peer: str, path: str, n_clients: int) -> list[Row]:
    return [
        row for row in rows if row.peer == peer and row.path == path and row.n_clients == n_clients
    ]


def _shown(number: float) -> str:
    if math.isnan(number):
        return "none"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
