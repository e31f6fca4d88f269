"""create_server(): what becomes of its keywords."""
import os
import socket
import unittest
import warnings

import fake_native

from waitress.server import create_server


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


class CreateServerTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()

    def test_app_none_is_refused(self):
        with self.assertRaisesRegex(ValueError, "app is None"):
            create_server(None)
        self.assertEqual(self.native.configure_calls, [])

    def test_bad_settings_are_all_in_one_message(self):
        self.native.errors = ["port: 'x' is not a number", "unknown setting 'prot'"]
        with self.assertRaises(ValueError) as caught:
            create_server(app, port="x", prot=1)
        self.assertEqual(str(caught.exception), "port: 'x' is not a number\nunknown setting 'prot'")
        self.assertEqual(self.native.engines, [])

    def test_keywords_reach_the_engine_with_our_environment_variables_only(self):
        old = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(old)))
        for name in [name for name in old if name.startswith("WAITRESS_")]:
            del os.environ[name]
        os.environ.update(PORT="1", WEB_CONCURRENCY="2", WAITRESS_IDENT="me")
        create_server(app, threads=8).close()
        ((line, environ, file, file_name, keywords),) = self.native.configure_calls
        self.assertEqual((line, file, file_name, keywords), ({}, {}, None, {"threads": 8}))
        self.assertEqual(environ, {"WAITRESS_IDENT": "me"})

    def test_warnings_of_the_settings_are_warnings_of_python(self):
        self.native.warnings = ["send_bytes is deprecated", "trusted_proxy trusts everyone"]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            create_server(app).close()
        self.assertEqual([each.category for each in seen], [DeprecationWarning, UserWarning])

    def test_sockets_are_handed_over_as_duplicates_for_the_engine_to_own(self):
        with socket.socket() as one:
            server = create_server(app, sockets=[one])
            self.addCleanup(server.close)
            [handed] = self.native.configure_calls[0][4]["sockets"]
            self.addCleanup(socket.close, handed)
            self.assertNotEqual(handed, one.fileno())
            self.assertTrue(os.path.sameopenfile(handed, one.fileno()))

    def test_sockets_of_the_wrong_kind_are_named_beside_other_faults(self):
        self.native.errors = ["threads: 0 is less than 1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, socket.socket() as stream:
            with self.assertRaises(ValueError) as caught:
                create_server(app, sockets=[stream, "x", datagram], threads=0)
        self.assertEqual(
            str(caught.exception).split("\n"),
            [
                "sockets: item 1 is a str, not a socket",
                "sockets: item 2 is not an Internet or Unix stream socket",
                "threads: 0 is less than 1",
            ],
        )

    if hasattr(socket, "AF_UNIX"):
        def test_sockets_mixed_are_refused(self):
            with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
                with self.assertRaisesRegex(ValueError, "mixed"):
                    create_server(app, sockets=[inet, unix])


if __name__ == "__main__":
    unittest.main()
