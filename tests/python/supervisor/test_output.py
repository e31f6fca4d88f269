import os
import unittest

from waitress import _channel
from waitress.supervisor import _output
from waitress.supervisor._loop import Loop


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class OutputTest(unittest.TestCase):
    def setUp(self):
        self.loop = Loop()
        self.addCleanup(self.loop.close)
        self.reading, self.writing = os.pipe()
        self.addCleanup(os.close, self.reading)
        self.addCleanup(os.close, self.writing)
        os.set_blocking(self.reading, False)
        self.output = _output.Output(self.loop, self.writing)

    def pipe(self):
        theirs, ours = os.pipe()
        self.addCleanup(os.close, ours)
        return _output.ErrorPipe(self.loop, self.output, theirs), ours

    def written(self):
        try:
            return os.read(self.reading, 1 << 20)
        except BlockingIOError:
            return b""

    def test_workers_lines_are_never_mixed(self):
        (_, first), (_, second) = self.pipe(), self.pipe()
        os.write(first, b"one half, ")
        os.write(second, b"a whole line\nand a half")
        self.loop.turn(0)
        os.write(first, b"the other\n")
        self.loop.turn(0)
        self.assertEqual(self.written(), b"a whole line\none half, the other\n")

    def test_last_words_are_kept_and_what_has_no_line_end_gets_one(self):
        reading, writing = os.pipe()
        pipe = _output.ErrorPipe(self.loop, self.output, reading)
        os.write(writing, b"\n".join(b"line %d" % number for number in range(100)) + b"\nFatal")
        os.close(writing)
        pipe.read()
        pipe.read()
        self.assertEqual(list(pipe.last_words)[-2:], ["line 99", "Fatal"])
        self.assertEqual(len(pipe.last_words), 20)
        self.assertTrue(self.written().endswith(b"line 99\nFatal\n"))

    def test_reader_that_has_stopped_never_makes_us_wait_and_loses_nothing(self):
        lines = [b"%06d %s\n" % (number, b"x" * 100) for number in range(5000)]
        for line in lines:
            self.output.forward(line)  # far more than the pipe holds
        self.assertLess(self.output._size, sum(map(len, lines)))
        got = b""
        while len(got) < sum(map(len, lines)):
            got += self.written()
            self.loop.turn(1)
        self.assertEqual(got, b"".join(lines))

    def test_full_output_leaves_workers_unread(self):
        pipe, ours = self.pipe()
        self.output.forward(b"x" * (2 * _output.MOST_BYTES - 1) + b"\n")
        self.assertTrue(self.output.full)
        os.write(ours, b"later\n")
        pipe.read()
        got = b""
        while not got.endswith(b"later\n"):
            got += self.written()
            self.loop.turn(1)

    def test_line_without_end_is_cut(self):
        pipe, ours = self.pipe()
        os.set_blocking(ours, False)
        for _ in range(3):
            os.write(ours, b"y" * 40000)
            self.loop.turn(0)
        self.assertGreater(self.written().count(b"y"), 0)
        self.assertEqual(pipe._rest.count(b"y"), 40000)


class ChannelTest(unittest.TestCase):
    def test_messages_arrive_whole_whatever_the_pieces(self):
        data = _channel.encode({"event": "ready"}) + _channel.encode({"text": "ü\ud800\n"})
        for size in (1, 2, 7, len(data)):
            lines = _channel.Lines()
            found = [message for at in range(0, len(data), size) for message in lines.feed(data[at : at + size])]
            self.assertEqual(found, [{"event": "ready"}, {"text": "ü\ud800\n"}])

    def test_what_is_no_message_is_an_error(self):
        for data in (b"[]\n", b"nonsense\n", b"\xff\n"):
            with self.assertRaises(ValueError):
                _channel.Lines().feed(data)


if __name__ == "__main__":
    unittest.main()
