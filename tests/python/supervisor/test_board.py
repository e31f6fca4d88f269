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
            self.assertEqual(len(other), 64 + 3 * 256 + 16 * (131_072 + 3 * 8_192))
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

    def test_seed_is_each_boards_own(self):
        other = _board.Board(3)
        self.addCleanup(other.close)
        self.assertNotEqual(os.pread(self.board.fd, 8, 24), os.pread(other.fd, 8, 24))

    def test_slot_that_is_cleared_leaves_clients_alone(self):
        behind = 64 + 3 * 256
        os.pwrite(self.board.fd, b"12345678", behind)
        self.board.begin(2)
        self.board.end(2)
        self.assertEqual(os.pread(self.board.fd, 8, behind), b"12345678")

    @unittest.skipUnless(hasattr(os, "memfd_create"), "elsewhere it is a file")
    def test_room_that_nobody_uses_takes_no_memory(self):
        large = _board.Board(2_000)
        self.addCleanup(large.close)
        self.assertLess(os.fstat(large.fd).st_blocks * 512, 1 << 20)

    def test_slots_beyond_the_board_are_refused(self):
        for number in (-1, 3):
            with self.assertRaises(IndexError):
                self.board.read(number)

    def test_memory_has_no_name_and_is_not_inherited(self):
        self.assertFalse(os.get_inheritable(self.board.fd))


if __name__ == "__main__":
    unittest.main()
