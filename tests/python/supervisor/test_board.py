"""The layout of the scoreboard is a contract with the engine: Scoreboard.cs, SharedClients.cs."""
import os
import struct
import unittest

from waitress.supervisor._board import Board


class BoardTests(unittest.TestCase):
    def board(self, slots):
        board = Board(slots)
        self.addCleanup(board.close)
        return board

    def test_head_names_layout_slots_and_a_seed_of_its_own(self):
        one, other = self.board(3), self.board(3)
        magic, version, slots, seed = struct.unpack("=qqqQ", os.pread(one.fd, 32, 0))
        self.assertEqual((magic, version, slots), (0x5741495452455353, 1, 3))
        self.assertNotEqual(seed, struct.unpack("=Q", os.pread(other.fd, 8, 24))[0])

    def test_behind_the_slots_is_room_for_clients(self):
        board = self.board(3)
        self.assertEqual(os.fstat(board.fd).st_size, 64 + 3 * 256 + 16 * (131_072 + 3 * 8_192))

    @unittest.skipUnless(hasattr(os, "memfd_create"), "memory that is counted by its file")
    def test_room_that_nobody_uses_takes_no_memory(self):
        board = self.board(2_000)
        self.assertLess(os.fstat(board.fd).st_blocks * 512, 1 << 20)

    def test_slot_that_is_cleared_leaves_clients_alone(self):
        board = self.board(2)
        behind = 64 + 2 * 256
        os.pwrite(board.fd, b"12345678", behind)
        board.begin(1)
        board.end(1)
        self.assertEqual(os.pread(board.fd, 8, behind), b"12345678")


if __name__ == "__main__":
    unittest.main()
