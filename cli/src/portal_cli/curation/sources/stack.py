"""A volume of slices: each is read by rows, from a file of its own or from one file."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from portal_cli.pyramid.source import Box, SourceFault, SourceFaults, Triple, Voxels


class Slices(Protocol):
    """`rows_at_once`: how many rows are decoded together; the whole slice for most codecs."""

    @property
    def shape(self) -> Triple: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def rows_at_once(self) -> int: ...

    @property
    def decoded_bytes(self) -> int:
        """Memory that decoding the rows takes."""
        ...

    def rows(self, number: int, start: int, stop: int) -> Voxels:
        """Returns rows of a slice. Raises SourceFault if its file is damaged or differs."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class StackSource:
    slices: Slices

    @property
    def shape(self) -> Triple:
        return self.slices.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.slices.dtype

    @property
    def block(self) -> Triple:
        return (1, self.slices.rows_at_once, self.shape[2])

    @property
    def block_bytes(self) -> int:
        return self.slices.decoded_bytes

    def read(self, box: Box) -> Voxels:
        z, y, x = box
        found = np.empty((z.stop - z.start, y.stop - y.start, x.stop - x.start), self.dtype)
        faults: list[SourceFault] = []
        for number in range(z.start, z.stop):
            try:
                found[number - z.start] = self.slices.rows(number, y.start, y.stop)[:, x]
            except SourceFault as fault:
                faults.append(fault)
        if faults:
            raise SourceFaults(faults)
        return found

    def close(self) -> None:
        self.slices.close()
