"""The platform's errors. A message says what was expected, what was found and what to do."""

from collections.abc import Sequence


class RecsysError(Exception):
    """A fault that a person can act on; shown as one sentence, never as a stack trace."""

    exit_code = 1


class DataError(RecsysError):
    """The input data are wrong: running again on the same data cannot help."""

    exit_code = 2

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("; ".join(self.faults))


class ConfigError(RecsysError):
    """A setting, a flag or the machine is wrong: running again unchanged cannot help."""

    exit_code = 3


class MissingPartitionError(DataError):
    """A job asked for a partition that no job has committed."""

    def __init__(self, dataset: str, key: str, *, written_by: str) -> None:
        super().__init__(f"{dataset} has no committed partition {key!r}: run {written_by} first")
