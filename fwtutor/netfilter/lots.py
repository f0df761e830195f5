"""What the kernel would draw by lot, from a seed: the same seed, the same lots."""

try:
    # As hashlib has it, but without OpenSSL, which hashlib always loads: a tenth of what a session weighs.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b


def next_lot(before: int) -> int:
    """A generator of lots: Knuth's, of 64 bits, of which the upper and middle ones are drawn."""
    return (before * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1


def lot_of(key: str) -> int:
    """The lot of 32 bits that goes with a key: of other keys it tells nothing."""
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big")
