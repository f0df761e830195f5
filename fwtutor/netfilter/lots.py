"""What the kernel would draw by lot, from a seed: the same seed, the same lots."""


def next_lot(before: int) -> int:
    """A generator of lots: Knuth's, of 64 bits, of which the upper and middle ones are drawn."""
    return (before * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
