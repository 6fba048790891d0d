"""What the figures were measured on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from harness import ROOT

WRITTEN = ("benches/results", "docs/BENCHMARKS.md")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8")


def machine() -> dict:
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = set(facts.get("flags", "").split())
    have = ", ".join(name for name in INSTRUCTIONS if name in flags)
    name = facts.get("model name", platform.machine())
    family = f"family {facts['cpu family']} model {facts['model']}" if "cpu family" in facts else ""
    return f"{name} {family} ({have})"


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Of hvmap as a commit, and of Python packages."""
    commit = git("rev-parse", "--short=10", "HEAD") or "unknown"
    # What the measuring itself writes does not make it another program.
    if git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{path}" for path in WRITTEN)):
        commit += "-dirty"
    found = {"hvmap": commit, "Python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in packages}


def git(*words: str) -> str:
    """What it answers; nothing where there is no repository."""
    argv = ["git", "-C", str(ROOT), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def today() -> str:
    return datetime.date.today().isoformat()
