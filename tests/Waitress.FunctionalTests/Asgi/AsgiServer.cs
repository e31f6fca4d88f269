using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>tests/apps/asgi_suite.py with default settings, on asyncio's own loop.</summary>
public sealed class AsgiServer() : ServerFixture("asgi_suite:app", "--loop=asyncio");

/// <summary>The same on uvloop, where a case depends on the loop.</summary>
public sealed class UvloopServer() : ServerFixture("asgi_suite:app", "--loop=uvloop");

/// <summary>tests/apps/asgi_sockets.py with small limits.</summary>
public sealed class SocketServer() : ServerFixture("asgi_sockets:app", "--ws-max-size=1000000", "--ws-max-queue=4");

/// <summary>The same with HTTP/2 by prior knowledge.</summary>
public sealed class SocketHttp2Server() : ServerFixture("asgi_sockets:app", "--http=1,2", "--ws-max-size=1000000", "--ws-max-queue=4");
