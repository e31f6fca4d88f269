import os
import socket
from unittest import mock

from control_case import ControlCase

from waitress import _control_path
from waitress.supervisor._control import Control


class DefaultPlaceTest(ControlCase):
    def test_runtime_folder_of_the_user_is_first(self):
        control = self.start(None)
        self.assertEqual(control.path, os.path.join(self.folder, "waitress", f"{os.getpid()}.sock"))
        self.assertEqual(os.stat(os.path.dirname(control.path)).st_mode & 0o777, 0o700)
        self.assertEqual(list(_control_path.living()), [control.path])

    def test_folder_open_to_others_is_passed_over(self):
        os.mkdir(os.path.join(self.folder, "waitress"))
        os.chmod(os.path.join(self.folder, "waitress"), 0o755)
        with mock.patch("tempfile.gettempdir", return_value=self.folder):
            self.assertEqual(os.path.dirname(_control_path.default()), os.path.join(self.folder, f"waitress-{os.geteuid()}"))

    def test_without_any_place_the_server_goes_on_with_a_warning(self):
        os.environ["XDG_RUNTIME_DIR"] = "/no/such"
        with mock.patch("tempfile.gettempdir", return_value="/no/such"), \
                self.assertLogs("waitress.supervisor", "WARNING") as logs:
            control = Control(self.loop(), self.command, None)
        self.assertIsNone(control.path)
        self.assertIn("waitress-ctl will not find this server", logs.output[0])
        control.close()

    def test_sockets_of_killed_servers_are_swept(self):
        folder = os.path.join(self.folder, "waitress")
        os.mkdir(folder, 0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(os.path.join(folder, "1.sock"))
        self.start(None)
        self.assertEqual(os.listdir(folder), [f"{os.getpid()}.sock"])
