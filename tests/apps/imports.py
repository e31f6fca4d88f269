"""An app that imports what refuses in some Pythons, where the standard library has a substitute in Python."""
import asyncio  # noqa: F401
import datetime  # noqa: F401
import decimal
import json  # noqa: F401
import ssl  # noqa: F401
import zoneinfo  # noqa: F401


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{datetime.date(2024, 2, 29)} {decimal.Decimal('1.10')}".encode()]
