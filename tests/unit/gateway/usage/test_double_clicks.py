"""Uses of one reader and item within 30 seconds count once."""

from portal_gateway.usage.double_clicks import SECONDS, DoubleClicks


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_use_shortly_after_another_is_repeated() -> None:
    clock = Clock()
    clicks = DoubleClicks(clock)
    assert not clicks.is_repeated("192.0.2.1", "Firefox", "a")
    for _ in range(3):  # each counts from the last one, not from the first
        clock.now += SECONDS - 1
        assert clicks.is_repeated("192.0.2.1", "Firefox", "a")
    clock.now += SECONDS + 1
    assert not clicks.is_repeated("192.0.2.1", "Firefox", "a")


def test_other_readers_and_items_are_not_repeated() -> None:
    clicks = DoubleClicks(Clock())
    uses = [("192.0.2.1", "Firefox", "a"), ("192.0.2.2", "Firefox", "a"),
            ("192.0.2.1", "curl", "a"), ("192.0.2.1", "Firefox", "b")]  # fmt: skip
    assert [clicks.is_repeated(*use) for use in uses] == [False] * 4


def test_nothing_of_a_reader_stays_after_the_time() -> None:
    clock = Clock()
    clicks = DoubleClicks(clock)
    clicks.is_repeated("192.0.2.1", "Firefox", "a")
    assert "192.0.2.1" not in repr(vars(clicks))
    clock.now += SECONDS + 1
    clicks.is_repeated("192.0.2.2", "Firefox", "a")
    assert len(clicks) == 1
