"""The IDX files of MNIST and its kin: read, write.

Two zero bytes, a type (8: unsigned byte), the number of axes, their
lengths as big-endian 32-bit integers, then the values.
"""

import gzip
import math
import zlib

import numpy as np

from .cards import DataError

MAGIC = bytes([0, 0, 8])


def read(content: bytes, name: str = "file") -> np.ndarray:
    """A uint8 array of the shape that the header says.

    Raises DataError if the magic number or the length is wrong, or the
    compressed bytes are damaged.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{name} is damaged ({error}): fetch it again."
            ) from None
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != MAGIC or axes == 0:
        raise DataError(
            f"{name} begins with 0x{content[:4].hex()}: it is not an IDX "
            "file of unsigned bytes (0x0000080N, N the number of axes)."
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{name} ends in its header: fetch it again.")
    shape = np.frombuffer(content, ">u4", axes, 4).tolist()
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"{name} has {len(content) - start} values, its header says "
            f"{' x '.join(map(str, shape))}: fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def write(array: np.ndarray) -> bytes:
    """The gzip-compressed IDX file of a uint8 array.

    The same array gives the same bytes: no name and no time in them.
    """
    header = MAGIC + bytes([array.ndim])
    header += np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), 9, mtime=0)
