"""Log lines of one turn of the event loop leave together; none is lost or changes its place."""

from __future__ import annotations

import asyncio
import io
import threading

from unilead_host.log_lines import LogLines


class Recorder(io.StringIO):
    """Notes each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)


def test_lines_of_one_turn_leave_together() -> None:
    recorder = Recorder()
    lines = LogLines(recorder)

    async def turns() -> None:
        lines.write("a\n")
        lines.write("b\n")
        assert recorder.writes == []
        await asyncio.sleep(0)
        lines.write("c\n")

    asyncio.run(turns())
    assert recorder.writes == ["a\nb\n", "c\n"]


def test_without_an_event_loop_each_line_is_written_at_once() -> None:
    recorder = Recorder()
    LogLines(recorder).write("a\n")
    assert recorder.writes == ["a\n"]


def test_another_thread_keeps_the_order() -> None:
    recorder = Recorder()
    lines = LogLines(recorder)

    async def turn() -> None:
        lines.write("a\n")
        thread = threading.Thread(target=lines.write, args=["b\n"])
        thread.start()
        thread.join()
        assert recorder.writes == ["a\nb\n"]
        lines.write("c\n")

    asyncio.run(turn())
    assert "".join(recorder.writes) == "a\nb\nc\n"


def test_a_loop_that_ended_in_between_takes_no_line_along() -> None:
    recorder = Recorder()
    lines = LogLines(recorder)
    ended = asyncio.new_event_loop()
    ended.call_soon(lambda: (lines.write("a\n"), ended.stop()))
    ended.run_forever()
    ended.close()

    async def turn() -> None:
        lines.write("b\n")

    asyncio.run(turn())
    assert "".join(recorder.writes) == "a\nb\n"


def test_asked_to_it_writes_before_the_turn_ends() -> None:
    recorder = Recorder()
    lines = LogLines(recorder)

    async def turn() -> None:
        lines.write("a\n")
        lines.flush()
        assert recorder.writes == ["a\n"]

    asyncio.run(turn())
    assert recorder.writes == ["a\n"]
