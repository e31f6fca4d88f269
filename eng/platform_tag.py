"""The platform part of the wheel's name, read from the built library itself.

On Linux this is ``manylinux_X_Y`` (PEP 600) with the newest glibc symbol version the file really needs, so that pip refuses it exactly
where it could not be loaded. musl has no symbol versions: there it is ``musllinux_X_Y`` (PEP 656) with the version that linked the file. The
tags also promise that nothing beyond the libraries every such Linux has is linked; if the file needs another one, the plain
``linux_<machine>`` tag stands: this machine only. On macOS the file names the oldest system it runs on.
"""
from __future__ import annotations

import platform
import re
import struct
import subprocess
import sys
from pathlib import Path

# The libraries PEP 600 lets a manylinux wheel take from the system; ld-linux is glibc's own loader.
SYSTEM_LIBRARIES = re.compile(r"^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|util|resolv)\.so\.\d+|ld-linux[\w.-]*\.so\.\d+)$")
# PEP 656 allows musl itself and nothing else; it calls its one library by the machine's name.
MUSL_LIBRARIES = re.compile(r"^(libc\.musl-\w+\.so\.1|libc\.so|ld-musl-\w+\.so\.1)$")
LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION = 0x24, 0x32
SHT_DYNAMIC, SHT_GNU_VERNEED, DT_NEEDED = 6, 0x6FFFFFFE, 1


def platform_tag(library: Path) -> str:
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return {"amd64": "win_amd64", "arm64": "win_arm64"}[machine]
    if sys.platform == "darwin":
        major, minor = macho_system(library.read_bytes())
        # Since macOS 11 only the first number counts for installers.
        return f"macosx_{major}_{0 if major > 10 else minor}_{machine}"
    needed, versions = elf_needs(library.read_bytes())
    if needed and all(map(MUSL_LIBRARIES.match, needed)):
        major, minor = musl_version()
        return f"musllinux_{major}_{minor}_{machine}"
    glibc = [tuple(map(int, match.groups())) for name in versions if (match := re.match(r"GLIBC_(\d+)\.(\d+)", name))]
    if not glibc or not all(map(SYSTEM_LIBRARIES.match, needed)):
        return f"linux_{machine}"
    major, minor = max(glibc)
    return f"manylinux_{major}_{minor}_{machine}"


def musl_version() -> tuple[int, int]:
    """Of this system: its loader tells when it is run without a program."""
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        told = subprocess.run([str(loader)], stderr=subprocess.PIPE, text=True).stderr
        match = re.search(r"Version (\d+)\.(\d+)", told)
        if match:
            return int(match[1]), int(match[2])
    raise SystemExit("The built library is linked with musl, and this system has none that tells its version")


def macho_system(data: bytes) -> tuple[int, int]:
    """The oldest macOS that a 64-bit Mach-O file says it runs on."""
    if data[:4] != b"\xcf\xfa\xed\xfe":
        raise SystemExit("The built library is not a 64-bit Mach-O file")
    count, = struct.unpack_from("<I", data, 16)
    position = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, position)
        if command in (LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX):
            # LC_BUILD_VERSION has the platform first.
            version, = struct.unpack_from("<I", data, position + (12 if command == LC_BUILD_VERSION else 8))
            return version >> 16, version >> 8 & 0xFF
        position += size
    raise SystemExit("The built library does not say for which macOS it is")


def elf_needs(data: bytes) -> tuple[set[str], set[str]]:
    """The libraries and the symbol versions that a 64-bit little-endian ELF file asks for."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise SystemExit("The built library is not a 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + index * size) for index in range(count)]
    libraries, versions = set(), set()
    for _, kind, _, _, start, length, link, info, _, _ in sections:
        strings = sections[link][4] if link < len(sections) else 0

        def text(position: int) -> str:
            return data[strings + position:data.index(b"\0", strings + position)].decode("ascii")

        if kind == SHT_DYNAMIC:
            for position in range(start, start + length, 16):
                tag, value = struct.unpack_from("<QQ", data, position)
                if tag == DT_NEEDED:
                    libraries.add(text(value))
        elif kind == SHT_GNU_VERNEED:
            for _ in range(info):
                _, entries, _, first, following = struct.unpack_from("<HHIII", data, start)
                position = start + first
                for _ in range(entries):
                    _, _, _, name, step = struct.unpack_from("<IHHII", data, position)
                    versions.add(text(name))
                    position += step
                start += following
    return libraries, versions
