"""Processor time and memory of processes and their children, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PARENT, USER_TICKS, SYSTEM_TICKS = 1, 11, 12  # fields of /proc/PID/stat after the name


@dataclass(frozen=True)
class Usage:
    cpu_seconds: float
    memory_mb: float  # resident


def usage_by_process(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Returns the usage of each process with those that it started."""
    stats = {int(folder.name): found for folder in _processes() if (found := _stat(folder))}
    children: dict[int, list[int]] = {}
    for pid, fields in stats.items():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    return {name: _usage(pid, stats, children) for name, pid in pids.items()}


def _usage(root: int, stats: Mapping[int, list[str]], children: Mapping[int, list[int]]) -> Usage:
    family = [root]
    for pid in family:
        family += children.get(pid, [])
    ticks = sum(int(stats[p][USER_TICKS]) + int(stats[p][SYSTEM_TICKS]) for p in family)
    return Usage(ticks / TICKS, sum(_resident_mb(pid) for pid in family))


def _processes() -> list[Path]:
    return [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _stat(folder: Path) -> list[str] | None:
    """Returns the fields after the name of the program; None if the process has ended."""
    try:
        return (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    line = next((row for row in status.splitlines() if row.startswith("VmRSS")), "VmRSS: 0")
    return int(line.split()[1]) / 1024
