"""Fails when it is imported."""


def fail():
    raise LookupError("no such treasure")


fail()
