"""The native engine: C# sources in, ``python/waitress/_native.so`` (Windows: ``.pyd``) out.

The one place that decides between net10.0 and net9.0: ahead-of-time compilation for net10.0 needs a runtime pack that not every
package source carries, while the compiler package for 9.0 brings its runtime along. The choice is tried once by a restore,
remembered beside the build's other files, and printed.
"""
from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "src/Waitress.Native"
# Apart from artifacts/ of the unit tests, which build the same projects for another framework.
ARTIFACTS = ROOT / "artifacts" / "native"
TARGET = ROOT / "python" / "waitress" / ("_native.pyd" if os.name == "nt" else "_native.so")
SOURCES = ("src", "Directory.Build.props", "Directory.Packages.props", "global.json")
LIBRARY = {"win32": "_native.dll", "darwin": "_native.dylib"}.get(sys.platform, "_native.so")


class BuildError(SystemExit):
    """Ends the build with one text; front ends print it as it is."""


def ensure() -> Path:
    """The built library; builds only when it is missing or a source is newer."""
    with _lock():
        newest = max(_times())
        if not TARGET.exists() or TARGET.stat().st_mtime < newest:
            build()
    return TARGET


def build() -> None:
    _require_tools()
    rid = runtime_identifier()
    framework = _framework(rid)
    print(f"Building the native engine for {rid} on {framework} (about a minute)", file=sys.stderr, flush=True)
    output = ARTIFACTS / rid / framework
    _dotnet("publish", rid, framework, "-c", "Release", "-o", str(output))
    library = output / LIBRARY
    if not library.exists():
        raise BuildError(f"dotnet publish ended without {library}")
    # Beside the target and then renamed: a server that runs from the old file keeps it.
    fresh = TARGET.with_name(f"{TARGET.name}.{os.getpid()}")
    shutil.copyfile(library, fresh)
    _strip(fresh)
    os.replace(fresh, TARGET)
    print(f"Built {TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1e6:.1f} MB", file=sys.stderr, flush=True)


def runtime_identifier() -> str:
    """.NET's name of this platform; the interpreter's own word size and machine decide, it is what loads the file."""
    machine = platform.machine().lower()
    arch = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(machine)
    if arch is None or sys.maxsize < 2**32:
        raise BuildError(f"There is no ahead-of-time compiler for a {platform.architecture()[0]} Python on {machine}")
    if sys.platform == "win32":
        return f"win-{arch}"
    if sys.platform == "darwin":
        return f"osx-{arch}"
    musl = platform.libc_ver()[0] != "glibc" and any(Path("/lib").glob("ld-musl-*"))
    return f"linux-musl-{arch}" if musl else f"linux-{arch}"


def _framework(rid: str) -> str:
    forced = os.environ.get("WaitressFramework")  # the name of the MSBuild property, which MSBuild reads from there too
    if forced:
        return forced
    sdk = subprocess.run(["dotnet", "--version"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    remembered = ARTIFACTS / f"framework-{rid}-{sdk}"
    if remembered.exists():
        return remembered.read_text(encoding="utf-8")
    try:
        _dotnet("restore", rid, "net10.0", quiet=True)
        framework = "net10.0"
    except BuildError as error:
        # NU1101/NU1102: the source answered, and has no such package (or version). Anything else may pass: not remembered.
        if "NU1101" not in str(error) and "NU1102" not in str(error):
            raise
        framework = "net9.0"
        print("The .NET 10 runtime pack for ahead-of-time compilation is not in the package source: net9.0", file=sys.stderr)
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(framework, encoding="utf-8")
    return framework


def _dotnet(command: str, rid: str, framework: str, *more: str, quiet: bool = False) -> None:
    arguments = ["dotnet", command, PROJECT, "-r", rid, *more, "-v", "quiet"]
    # One folder per framework: a restore for the other one must not invalidate this one's.
    arguments += [f"-p:WaitressFramework={framework}", f"-p:ArtifactsPath={ARTIFACTS / 'obj' / framework}"]
    environ = {
        **os.environ,
        "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
        "DOTNET_NOLOGO": "1",
        # No process may stay behind: the caller may be a container build or a test run.
        "MSBUILDDISABLENODEREUSE": "1",
        "DOTNET_CLI_USE_MSBUILD_SERVER": "0",
        "UseSharedCompilation": "false",
    }
    done = subprocess.run(arguments, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise BuildError(f"{' '.join(arguments)} failed ({done.returncode}):\n{done.stdout}")
    if not quiet and done.stdout.strip():
        print(done.stdout, file=sys.stderr)


def _require_tools() -> None:
    missing = []
    if shutil.which("dotnet") is None:
        remedy = {"darwin": "brew install dotnet-sdk", "win32": "winget install Microsoft.DotNet.SDK.10"}.get(
            sys.platform,
            "apt-get install dotnet-sdk-10.0 (on Debian after adding Microsoft's package source, as "
            "https://learn.microsoft.com/dotnet/core/install/linux-debian describes)",
        )
        missing.append(f"The .NET SDK 10 (dotnet) is not installed: {remedy}")
    # The compiler for Windows finds Visual Studio's linker by itself, and names it when it is missing.
    if sys.platform != "win32" and not (shutil.which("clang") or shutil.which("gcc")):
        remedy = "xcode-select --install" if sys.platform == "darwin" else "apt-get install gcc libc6-dev (or clang)"
        missing.append(f"A linker (clang or gcc) is not installed: {remedy}")
    if missing:
        raise BuildError("\n".join(missing))


def _strip(library: Path) -> None:
    # The publish has split the debug information off; this drops the local symbol names that are left.
    strip = shutil.which("strip")
    if os.name != "nt" and strip:
        flag = "-x" if sys.platform == "darwin" else "--strip-unneeded"
        subprocess.run([strip, flag, str(library)], check=True)


def _times() -> list[float]:
    times = []
    for name in SOURCES:
        path = ROOT / name
        files = [path] if path.is_file() else [
            file for file in path.rglob("*") if file.suffix in (".cs", ".csproj", ".props", ".targets", ".xml", ".html", ".css", ".js")
        ]
        times += [file.stat().st_mtime for file in files]
    return times


@contextmanager
def _lock():
    """One build at a time in this folder; a second caller waits and then finds the file made."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with open(ARTIFACTS / "lock", "w", encoding="utf-8") as file:
        try:
            import fcntl
        except ModuleNotFoundError:  # Windows: the rename at the end keeps two builds from mixing
            pass
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
