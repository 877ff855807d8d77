from opsconductor.logs.rates import RateLimiter


def test_a_burst_then_the_rate():
    clock = [0.0]
    limiter = RateLimiter(10, 30, lambda: clock[0])
    assert limiter.take("a", 30)
    assert not limiter.take("a", 1)
    clock[0] = 0.5
    assert not limiter.take("a", 6)
    assert limiter.take("a", 5)
    clock[0] = 100
    assert not limiter.take("a", 31)
    assert limiter.take("a", 30)


def test_keys_are_apart_and_no_rate_is_no_limit():
    limiter = RateLimiter(1, 1, lambda: 0.0)
    assert limiter.take("a", 1)
    assert limiter.take("b", 1)
    assert RateLimiter(0, 0).take("a", 1 << 40)
