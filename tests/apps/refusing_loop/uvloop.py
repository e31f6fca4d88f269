"""Stands for a uvloop that can't be loaded in a second interpreter: like it, it needs an extension module that knows of one."""
import _curses  # noqa: F401
