"""A step: partitions that are made together from the same inputs, and only when these change."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from recsys.manifest import Manifest, Part
from recsys.paths import Partition
from recsys.storage import Draft, Lake


@dataclass
class Step:
    """A set of partitions that are made together from the same inputs."""

    lake: Lake
    outputs: list[Partition]
    inputs: dict[str, str]
    settings: dict[str, Any]
    fingerprint: str
    force: bool = False
    written: list[Manifest] = field(default_factory=list)

    @property
    def is_current(self) -> bool:
        """Whether all outputs are committed with just these inputs, settings and code."""
        if self.force:
            return False
        manifests = [self.lake.manifest(output) for output in self.outputs]
        return all(
            m is not None and m.fingerprint == self.fingerprint and self.lake.is_intact(m)
            for m in manifests
        )

    def show_same(self) -> bool:
        """Show what other keys of the same data sets hold, if they were made of just the same.

        Return whether they were: then there is nothing to write, as on a night without new files.
        """
        twins = [self._twin(output) for output in self.outputs]
        if self.force or None in twins:
            return False
        for output, twin in zip(self.outputs, twins, strict=True):
            assert twin is not None
            part = Part(
                key=twin.key,
                dataset=twin.dataset,
                partition=twin.key,
                folder="",
                rows=twin.rows,
                fingerprint=twin.fingerprint,
            )
            view = self.lake.show(
                output,
                [part],
                like=twin,
                counts=twin.counts,
                notes=twin.notes,
                fingerprint=twin.fingerprint,
            )
            self.written.append(view)
        return True

    def _twin(self, output: Partition) -> Manifest | None:
        """Return the latest other partition of an output's data set with just the same data.

        Not the output itself, which a run that was killed may have left: a view of itself is empty.
        """
        for key in reversed(self.lake.keys(output.dataset)):
            found = self.lake.manifest(Partition(output.dataset, key))
            is_same = found and not found.parts and found.fingerprint == self.fingerprint
            if key != output.key and is_same:
                return found
        return None

    @contextmanager
    def write(
        self, dataset: str, key: str | None = None, *, resume: bool = False
    ) -> Iterator[Draft]:
        """Yield a draft of one of the outputs; `key` where the data set has several of them.

        With `resume`, what an earlier run wrote into it for the same fingerprint is still there,
        unless all is to be made anew.
        """
        matches = [o for o in self.outputs if o.dataset == dataset and key in (None, o.key)]
        if len(matches) != 1:
            raise ValueError(f"{dataset} ({key}) is not one of {[str(o) for o in self.outputs]}")
        with self.lake.write(
            matches[0],
            fingerprint=self.fingerprint,
            inputs=self.inputs,
            settings=self.settings,
            resume=resume and not self.force,
        ) as draft:
            yield draft
        self.written.append(self.lake.require(matches[0]))

    def shows(self, parts: Sequence[Part]) -> bool:
        """Whether the one output is a view of just these parts."""
        manifest = self.lake.manifest(self.outputs[0])
        return manifest is not None and manifest.parts == tuple(sorted(parts, key=lambda p: p.key))

    def show(
        self,
        parts: Sequence[Part],
        *,
        like: Manifest,
        counts: Mapping[str, int],
        notes: Mapping[str, Any],
    ) -> None:
        """Commit the one output as a view; see `Lake.show`."""
        view = self.lake.show(self.outputs[0], parts, like=like, counts=counts, notes=notes)
        self.written.append(view)
