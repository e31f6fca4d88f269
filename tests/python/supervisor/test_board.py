import mmap
import os
import struct
import unittest

from waitress.supervisor import _board


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class BoardTest(unittest.TestCase):
    def setUp(self):
        self.board = _board.Board(3)
        self.addCleanup(self.board.close)

    def test_layout_is_the_one_of_the_engine(self):
        with mmap.mmap(self.board.fd, 0) as other:
            self.assertEqual(len(other), 64 + 3 * 256)
            self.assertEqual(struct.unpack_from("=qqq", other), (0x5741495452455353, 1, 3))
            struct.pack_into("=q", other, 64 + 2 * 256 + 8 * 5, 77)
            struct.pack_into("=q", other, 64 + 2 * 256 + 8 * 11, 88)
        slot = self.board.read(2)
        self.assertEqual((slot.requests, slot.all_inside, slot.pid), (77, 88, 0))

    def test_slot_begins_gets_its_process_and_is_empty_at_the_end(self):
        self.board.begin(1)
        self.board.name(1, 4711)
        slot = self.board.read(1)
        self.assertEqual((slot.pid, slot.state), (4711, _board.STARTING))
        self.board.end(1)
        self.assertEqual({getattr(self.board.read(1), name) for name in _board.FIELDS}, {0})

    def test_slots_beyond_the_board_are_refused(self):
        for number in (-1, 3):
            with self.assertRaises(IndexError):
                self.board.read(number)

    def test_memory_has_no_name_and_is_not_inherited(self):
        self.assertFalse(os.get_inheritable(self.board.fd))


if __name__ == "__main__":
    unittest.main()
