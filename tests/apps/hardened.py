"""Runs Python under the system call filter of a systemd unit: hardened.py UNIT ARGUMENTS...

Does by hand what systemd does for SystemCallFilter=, SystemCallErrorNumber=EPERM, NoNewPrivileges= and MemoryDenyWriteExecute=: a seccomp filter (seccomp(2)) of the
calls that `systemd-analyze syscall-filter` lists, and prctl(PR_SET_MDWE) where the kernel has it (6.3). Both last through exec and in children.
"""
import ctypes
import glob
import os
import re
import struct
import subprocess
import sys

from mark import mark

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_MDWE = 38, 22, 65
SECCOMP_MODE_FILTER = 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of BPF
ALLOW, EPERM = 0x7FFF0000, 0x00050000 | 1
# systemd adds them itself, or could not start anything.
ALWAYS = {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}


def numbers():
    """System calls of this machine by name, from the C library's headers."""
    found = {}
    for path in glob.glob("/usr/include/*/asm/unistd_64.h") + glob.glob("/usr/include/asm-generic/unistd.h"):
        with open(path, encoding="ascii") as file:
            found.update((name, int(number)) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", file.read()))
        if found:
            break
    return found


def calls(group):
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    found = set()
    for word in (line.strip() for line in listed.splitlines()[1:]):
        found |= calls(word) if word.startswith("@") and word != group else {word} if word and not word.startswith("#") else set()
    return found


def allowed(unit):
    with open(unit, encoding="utf-8") as file:
        lines = re.findall(r"^SystemCallFilter=(.*)$", file.read(), re.MULTILINE)
    result = calls("@default") | ALWAYS
    for line in lines:
        names = set().union(*(calls(word) if word.startswith("@") else {word} for word in line.lstrip("~").split()))
        result = result - names if line.startswith("~") else result | names
    return result


def main(unit, arguments):
    known = numbers()
    accepted = sorted(known[name] for name in allowed(unit) | ALWAYS if name in known)
    program = [(LOAD, 0, 0, 0)]
    for number in accepted:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    program.append((RETURN, 0, 0, EPERM))
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *each) for each in program))

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    writes_no_code = libc.prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Filter(len(program), ctypes.addressof(code))), 0, 0) == 0, ctypes.get_errno()
    try:
        os.nice(-1)  # of @resources, so not allowed to anybody, root neither
        raise AssertionError("the filter is not in force")
    except PermissionError:
        pass
    mark("filtered", len(accepted), "calls; memory that is written and run:", "refused" if writes_no_code else "allowed, the kernel is too old")
    os.execv(sys.executable, [sys.executable, *arguments])


main(sys.argv[1], sys.argv[2:])
