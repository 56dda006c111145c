"""Fetching what a function needs, by the installers of its language."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.cli.deploy.refusal import CannotDeploy

REQUIREMENTS: Final = "requirements.txt"
PACKAGE: Final = "package.json"
_LOCK: Final = "package-lock.json"
_LONGEST_SECONDS: Final = 900
_SHOWN_CHARACTERS: Final = 3_000


def vendor(folder: Path, runtime: str, into: Path, *, platform: str | None) -> bool:
    """Install what the folder's requirements.txt or package.json names into `into`, which is
    empty. False if it names nothing. `platform` is uv's name of another machine than this.
    Blocking, up to 15 minutes. Raises CannotDeploy."""
    if runtime.startswith("python") and (folder / REQUIREMENTS).is_file():
        _run(_python_installer(runtime, into, platform), folder)
        # Scripts hold the path of the interpreter here, and nobody calls them there.
        shutil.rmtree(into / "bin", ignore_errors=True)
        return True
    if runtime.startswith("nodejs") and _names_packages(folder / PACKAGE):
        _install_node_packages(folder, into)
        return True
    return False


def _python_installer(runtime: str, into: Path, platform: str | None) -> Sequence[str]:
    version = runtime.removeprefix("python")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    elsewhere = ["--only-binary", ":all:"] if platform or version != here else []
    wanted = ["--requirement", REQUIREMENTS, "--target", str(into), *elsewhere]
    beside_us = str(Path(sys.executable).parent)
    uv = shutil.which("uv") or shutil.which("uv", path=beside_us)
    if uv is not None:
        there = ["--python-platform", platform] if platform else []
        return [uv, "pip", "install", "--quiet", "--python-version", version, *there, *wanted]
    if platform or importlib.util.find_spec("pip") is None:
        raise CannotDeploy(
            f"{REQUIREMENTS} is installed by uv, which is not here: install it, or install the "
            "packages into the folder yourself and use --no-vendor."
        )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [*pip, "--no-compile", *(["--python-version", version] if elsewhere else []), *wanted]


def _names_packages(package: Path) -> bool:
    if not package.is_file():
        return False
    try:
        document = json.loads(package.read_text())
    except ValueError as error:
        raise CannotDeploy(f"{package} is not JSON: {error}") from error
    return isinstance(document, dict) and bool(document.get("dependencies"))


def _install_node_packages(folder: Path, into: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotDeploy(
            f"{folder / PACKAGE} names packages, and npm, which would install them, is not on the "
            "PATH. Install Node.js, or install the packages and use --no-vendor."
        )
    names = [name for name in (PACKAGE, _LOCK) if (folder / name).is_file()]
    for name in names:
        shutil.copy2(folder / name, into / name)
    action = "ci" if _LOCK in names else "install"
    quiet = ["--omit=dev", "--no-audit", "--no-fund", "--loglevel=error", "--install-links"]
    _run([npm, action, *quiet], into)
    for name in (PACKAGE, _LOCK):
        (into / name).unlink(missing_ok=True)


def _run(command: Sequence[str], folder: Path) -> None:
    what = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotDeploy(f"`{what}` took over {_LONGEST_SECONDS // 60} minutes.") from error
    except OSError as error:
        raise CannotDeploy(f"`{what}` cannot be run: {error}") from error
    if done.returncode:
        said = done.stdout.strip()[-_SHOWN_CHARACTERS:]
        raise CannotDeploy(f"`{what}` failed in {folder}:\n{said}")
