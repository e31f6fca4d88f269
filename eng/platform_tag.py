"""The platform part of the wheel's name, read from the built library itself.

On Linux this is ``manylinux_X_Y`` with the newest glibc symbol version the file really needs, so that pip refuses it exactly where
it could not be loaded. The tag also promises that nothing beyond the libraries every Linux has is linked; if the file needs
another one, or another C library than glibc, the plain ``linux_<machine>`` tag stands: this machine only.
"""
from __future__ import annotations

import platform
import re
import struct
import sys
from pathlib import Path

# The libraries PEP 600 lets a manylinux wheel take from the system; ld-linux is glibc's own loader.
SYSTEM_LIBRARIES = re.compile(r"^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|util|resolv)\.so\.\d+|ld-linux[\w.-]*\.so\.\d+)$")
SHT_DYNAMIC, SHT_GNU_VERNEED, DT_NEEDED = 6, 0x6FFFFFFE, 1


def platform_tag(library: Path) -> str:
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return {"amd64": "win_amd64", "arm64": "win_arm64"}[machine]
    if sys.platform == "darwin":
        return f"macosx_13_0_{machine}"  # the oldest macOS that .NET 9 supports
    needed, versions = elf_needs(library.read_bytes())
    glibc = [tuple(map(int, match.groups())) for name in versions if (match := re.match(r"GLIBC_(\d+)\.(\d+)", name))]
    if not glibc or not all(map(SYSTEM_LIBRARIES.match, needed)):
        return f"linux_{machine}"
    major, minor = max(glibc)
    return f"manylinux_{major}_{minor}_{machine}"


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
