import json
import logging
import os
import sys
import unittest

from waitress.supervisor import _upgrade


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class UpgradeTest(unittest.TestCase):
    def test_sockets_of_the_parent_are_taken_once(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_inheritable(reading, True)
        environ = {"WAITRESS_UPGRADE": json.dumps({"sockets": [reading], "pid": os.getppid()})}
        self.assertEqual(_upgrade.take(environ)[:2], ([reading], os.getppid()))
        self.assertFalse(os.get_inheritable(reading))
        self.assertEqual(_upgrade.take(environ), _upgrade.Inherited())

    def test_sockets_of_somebody_else_are_left_alone(self):
        environ = {"WAITRESS_UPGRADE": json.dumps({"sockets": [0], "pid": os.getppid() + 1})}
        self.assertEqual(_upgrade.take(environ), _upgrade.Inherited())
        self.assertEqual(environ, {})

    def test_successor_gets_the_sockets_and_its_end_is_noticed(self):
        reading, writing = os.pipe()
        code = "import os, json; told = json.loads(os.environ['WAITRESS_UPGRADE']); os.write(told['sockets'][0], str(told['pid'] == os.getppid()).encode())"
        upgrade = _upgrade.Upgrade([sys.executable, "-c", code], environment={"NOTIFY_SOCKET": "x"})
        with self.assertLogs("waitress.supervisor", logging.INFO) as logs:
            upgrade.start([writing])
            os.close(writing)
            self.assertTrue(upgrade.shared)
            with os.fdopen(reading) as pipe:
                self.assertEqual(pipe.read(), "True")
            upgrade.start([])
            (pid,) = upgrade.pids
            _, status = os.waitpid(pid, 0)
            self.assertFalse(upgrade.reaped(pid + 1, status))
            self.assertTrue(upgrade.reaped(pid, status))
        self.assertFalse(upgrade.shared)
        self.assertIn("SIGUSR2 is refused", logs.output[1])
        self.assertIn("ended with exit code 0; this one goes on", logs.output[2])

    def test_program_that_is_gone_is_an_error_in_the_log(self):
        upgrade = _upgrade.Upgrade(["/no/such/python"])
        with self.assertLogs("waitress.supervisor", logging.ERROR):
            upgrade.start([])
        self.assertFalse(upgrade.shared)


if __name__ == "__main__":
    unittest.main()
