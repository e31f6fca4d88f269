import functools
import unittest

from waitress import _interface
from waitress._app import AppError


async def coroutine(scope, receive, send):
    raise AssertionError("not called")


def wsgi(environ, start_response):
    raise AssertionError("not called")


class Asgi:
    async def __call__(self, scope, receive, send):
        raise AssertionError("not called")

    async def method(self, scope, receive, send):
        raise AssertionError("not called")


class Wsgi:
    def __call__(self, environ, start_response):
        raise AssertionError("not called")


class WsgiPerRequest:
    """PEP 3333's own example of a class as an app."""

    def __init__(self, environ, start_response):
        raise AssertionError("not called")


class Asgi2:
    def __init__(self, scope):
        raise AssertionError("not called")

    async def __call__(self, receive, send):
        raise AssertionError("not called")


def asgi2(scope):
    raise AssertionError("not called")


class InterfaceTest(unittest.TestCase):
    def test_coroutine_functions_and_callables_are_asgi(self):
        for app in (coroutine, Asgi(), Asgi().method, functools.partial(coroutine), functools.partial(functools.partial(Asgi()))):
            with self.subTest(app):
                self.assertEqual(_interface.choose(app, "auto"), "asgi")

    def test_all_else_is_wsgi(self):
        for app in (wsgi, Wsgi(), WsgiPerRequest, functools.partial(wsgi), functools.partial(Wsgi()), print, lambda environ, start_response: []):
            with self.subTest(app):
                self.assertEqual(_interface.choose(app, "auto"), "wsgi")

    def test_stated_interface_is_taken(self):
        self.assertEqual(_interface.choose(wsgi, "asgi"), "asgi")
        self.assertEqual(_interface.choose(coroutine, "wsgi"), "wsgi")
        self.assertEqual(_interface.choose(Asgi2, "wsgi"), "wsgi")

    def test_asgi_2_is_refused_with_the_way_out(self):
        for stated in ("auto", "asgi"):
            for app in (Asgi2, asgi2):
                with self.subTest(app, stated=stated), self.assertRaises(AppError) as caught:
                    _interface.choose(app, stated)
                self.assertIn("guarantee_single_callable", str(caught.exception))
                self.assertIn(app.__name__, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
