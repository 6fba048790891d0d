"""What the figures were measured on."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from harness import HVMAP, ROOT

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8")


def machine() -> dict:
    return {
        "processor": processor(),
        **({"gpu": gpu} if (gpu := graphics()) else {}),
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


def graphics() -> str | None:
    """The first NVIDIA GPU and its driver."""
    if shutil.which("nvidia-smi") is None:
        return None
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader", "--id=0"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip().replace(", ", ", driver ") if told.returncode == 0 else None


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Of the program that is measured, and of Python packages."""
    found = {"hvmap": program(), "Python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in packages}


def program() -> str:
    """What hvmap's binary says of itself and which one it is, with the commit of its sources where
    the checkout has none that is younger."""
    said = subprocess.run([HVMAP, "--version"], capture_output=True, text=True, check=True)
    # In pieces: what this process holds counts as the peak of every program that it starts.
    with Path(HVMAP).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    told = f"{said.stdout.split()[-1]} (program {digest[:10]}"
    sources = built_from(Path(HVMAP))
    built = Path(HVMAP).stat().st_mtime
    if not sources or any(not one.exists() or one.stat().st_mtime > built for one in sources):
        return f"{told}, of other sources than the checkout's)"
    commit = git("log", "-1", "--abbrev=10", "--format=%h", "--", *sources) or "unknown"
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", *sources)
    return f"{told}, sources {commit}{'-dirty' if dirty else ''})"


def built_from(binary: Path) -> list[Path]:
    """The files of this checkout that Cargo notes beside what it builds, and what names its crates;
    none where it was built of others."""
    notes = binary.with_suffix(".d")
    if not notes.is_file():
        return []
    # As for make: spaces in names come behind a backslash.
    words = re.split(r"(?<!\\)\s+", notes.read_text().partition(": ")[2].strip())
    files = [Path(word.replace("\\ ", " ")) for word in words]
    ours = [one for one in files if one.is_relative_to(ROOT)]
    return ours and [*ours, ROOT / "Cargo.toml", ROOT / "Cargo.lock"]


def git(*words: object) -> str:
    """What it answers; nothing where there is no repository."""
    argv = ["git", "-C", str(ROOT), *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def today() -> str:
    return datetime.date.today().isoformat()
